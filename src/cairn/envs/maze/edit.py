"""Small random edits of a maze: the mutation operators of ACCEL and its successors.

All keep a level valid: agent and goal apart, inside, and on no wall. None promises that the goal
can be reached.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.errors import ConfigError
from cairn.envs.maze.cells import at, below, cell_of, random_cell
from cairn.envs.maze.level import MazeLevel

_WALL, _CLEAR, _GOAL, _AGENT = range(4)


def move_goal_flip_walls(key: Key[Array, ""], level: MazeLevel, edits: int) -> MazeLevel:
    """`edits` times, uniformly: nothing, flip one wall, or move the goal.

    A flipped cell is neither the agent's nor the goal's. The goal moves to a free cell that is
    neither the agent's nor its own; it stays if there is none. The agent never moves.

    Source: minimax `move_goal_flip_walls`, 20 edits; JaxUED's `make_level_mutator_minimax`, 5.
    """
    if _nothing_to_do(edits):
        return level
    shape = level.walls.shape

    chance = jax.random.uniform(key, (edits, 2), jnp.float32)

    def edit(index: Int[Array, ""], level: MazeLevel) -> MazeLevel:
        choice = below(chance[index, 0], 3)
        occupied = at(level.agent, shape) | at(level.goal, shape)
        candidates = ~occupied & ((choice == 1) | ~level.walls)
        cell = random_cell(chance[index, 1], candidates)
        possible = candidates.any()
        flip = (choice == 1) & possible & at(cell, shape)
        goal = jnp.where((choice == 2) & possible, cell, level.goal)
        return level._replace(walls=level.walls ^ flip, goal=goal)

    return jax.lax.fori_loop(0, edits, edit, level)


def walls_none_goal(key: Key[Array, ""], level: MazeLevel, edits: int) -> MazeLevel:
    """Rewrite up to `edits` random cells: a wall, nothing, or the goal, uniformly.

    Cells are drawn with replacement and a repeated one is edited once. Whatever stood there is
    removed first; an agent or goal gone missing is put on a random free cell at the end.

    Source: DCD's `mutate_level` with `walls_none_goal`, 5 edits. Differs: cells are edited in the
    order drawn, which decides only where the goal ends when several edits place it.
    """
    return _rewrite(key, level, edits, choices=3)


def walls_none_goal_agent(key: Key[Array, ""], level: MazeLevel, edits: int) -> MazeLevel:
    """As `walls_none_goal`, and a fourth choice: the agent, with a random heading.

    Source: JaxUED's `make_level_mutator`.
    """
    return _rewrite(key, level, edits, choices=4)


class _Board(NamedTuple):
    """A level while it is rewritten, when agent or goal may be missing."""

    level: MazeLevel
    has_agent: Bool[Array, ""]
    has_goal: Bool[Array, ""]


def _rewrite(key: Key[Array, ""], level: MazeLevel, edits: int, choices: int) -> MazeLevel:
    if _nothing_to_do(edits):
        return level
    chance = jax.random.uniform(key, (3 * edits + 2,), jnp.float32)
    shape = level.walls.shape
    cells = below(chance[:edits], level.walls.size)
    choice = below(chance[edits : 2 * edits], choices)
    headings = below(chance[2 * edits : 3 * edits], 4)
    earlier = jnp.tril(jnp.ones((edits, edits), bool), -1)
    repeated = (earlier & (cells[:, None] == cells[None, :])).any(axis=1)

    def edit(index: Int[Array, ""], board: _Board) -> _Board:
        cell = cell_of(cells[index], shape[1])
        edited = _write(board, cell, choice[index], headings[index])
        return jax.tree.map(lambda old, new: jnp.where(repeated[index], old, new), board, edited)

    board = _Board(level, jnp.array(True), jnp.array(True))
    level, has_agent, has_goal = jax.lax.fori_loop(0, edits, edit, board)
    taken = at(level.agent, shape) & has_agent
    goal = jnp.where(has_goal, level.goal, _elsewhere(chance[-2], level.walls, taken))
    taken = at(goal, shape)
    agent = jnp.where(has_agent, level.agent, _elsewhere(chance[-1], level.walls, taken))
    walls = level.walls & ~at(goal, shape) & ~at(agent, shape)
    return MazeLevel(walls, agent, level.heading, goal)


def _write(
    board: _Board, cell: Int[Array, "2"], choice: Int[Array, ""], heading: Int[Array, ""]
) -> _Board:
    level, has_agent, has_goal = board
    here = at(cell, level.walls.shape)
    walls = jnp.where(here, choice == _WALL, level.walls)
    agent_removed, goal_removed = (level.agent == cell).all(), (level.goal == cell).all()
    to_agent, to_goal = choice == _AGENT, choice == _GOAL
    return _Board(
        MazeLevel(
            walls,
            jnp.where(to_agent, cell, level.agent),
            jnp.where(to_agent, heading, level.heading),
            jnp.where(to_goal, cell, level.goal),
        ),
        to_agent | (has_agent & ~agent_removed),
        to_goal | (has_goal & ~goal_removed),
    )


def _elsewhere(
    chance: Float[Array, ""], walls: Bool[Array, "height width"], taken: Bool[Array, "height width"]
) -> Int[Array, "2"]:
    """A random free cell; if walls fill the maze, any cell (the caller tears the wall down)."""
    free = ~walls & ~taken
    return random_cell(chance, jnp.where(free.any(), free, ~taken))


def _nothing_to_do(edits: int) -> bool:
    if edits < 0:
        raise ConfigError(f"A level is edited 0 times or more, got edits={edits}.")
    return edits == 0
