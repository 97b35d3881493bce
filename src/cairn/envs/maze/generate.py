"""Random mazes without structure: the generators of minimax, JaxUED and DCD.

Each draws one level from a key; map over keys for a batch. Nothing here promises that the goal can
be reached (see `cairn.envs.maze.structured` for generators that do).
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from cairn.core.errors import ConfigError
from cairn.envs.maze.cells import at, below, cell_of, random_cell
from cairn.envs.maze.level import MazeLevel

Generator = Callable[[Key[Array, ""]], MazeLevel]


def place(key: Key[Array, ""], walls: Bool[Array, "height width"]) -> MazeLevel:
    """Agent uniform on the free cells, heading uniform, goal uniform on the free cells left.

    `walls` must leave two free cells or more.
    """
    chance = jax.random.uniform(key, (3,), jnp.float32)
    agent = random_cell(chance[0], ~walls)
    goal = random_cell(chance[1], ~walls & ~at(agent, walls.shape))
    return MazeLevel(walls, agent, below(chance[2], 4), goal)


def empty_room(key: Key[Array, ""], *, height: int = 13, width: int = 13) -> MazeLevel:
    """No walls: where ACCEL starts."""
    check_room(height, width, walls=0)
    return place(key, jnp.zeros((height, width), bool))


def random_walls(
    key: Key[Array, ""], *, height: int = 13, width: int = 13, walls: int = 60, replace: bool = True
) -> MazeLevel:
    """`walls` cells drawn uniformly become walls; then `place`.

    With replacement (minimax and JaxUED with 60) repeated cells count once, so there are fewer
    walls than draws. Without (Jiang et al. 2021 with 25) there are exactly `walls`.
    """
    check_room(height, width, walls=walls)
    walls_key, place_key = jax.random.split(key)
    cells = height * width
    if replace:
        drawn = below(jax.random.uniform(walls_key, (walls,), jnp.float32), cells)
        grid = jnp.zeros(cells, bool).at[drawn].set(True)
    else:
        grid = jax.random.permutation(walls_key, cells) < walls
    return place(place_key, grid.reshape(height, width))


def uniform_walls(
    key: Key[Array, ""], *, height: int = 13, width: int = 13, max_walls: int = 60
) -> MazeLevel:
    """n ~ U{0, ..., max_walls - 1} distinct walls: minimax `sample_n_walls`, the ACCEL setting."""
    check_room(height, width, walls=max_walls)
    count_key, walls_key, place_key = jax.random.split(key, 3)
    count = below(jax.random.uniform(count_key, dtype=jnp.float32), max_walls)
    grid = jax.random.permutation(walls_key, height * width) < count
    return place(place_key, grid.reshape(height, width))


def dcd_teacher(
    key: Key[Array, ""],
    *,
    height: int = 13,
    width: int = 13,
    walls: int = 25,
    variable: bool = False,
) -> MazeLevel:
    """DCD's level editor driven by uniformly random actions.

    Each action names a cell: first the walls (a repeated cell is a lost action), then the goal,
    then the agent; both tear down a wall under them, and an agent on the goal moves to a random
    free cell. With `variable` blocks the first action also sets how many walls there are:
    floor(cell / cells * walls). If that is none, the same action already places the goal.
    """
    check_room(height, width, walls=walls)
    shape, cells = (height, width), height * width
    chance = jax.random.uniform(key, (walls + 4,), jnp.float32)
    actions = below(chance[2:], cells)
    budget = actions[0] * walls // cells if variable else jnp.int32(walls)
    # An index past the end is dropped by the scatter: that wall is never built.
    drawn = jnp.where(jnp.arange(walls + 2) < budget, actions, cells)
    grid = jnp.zeros(cells, bool).at[drawn].set(True, mode="drop").reshape(shape)
    goal = cell_of(actions[budget], width)
    agent = cell_of(actions[budget + 1], width)
    grid = grid & ~at(goal, shape)
    elsewhere = random_cell(chance[0], ~grid & ~at(goal, shape))
    agent = jnp.where((agent == goal).all(), elsewhere, agent)
    heading = below(chance[1], 4)
    return MazeLevel(grid & ~at(agent, shape), agent, heading, goal)


def dcd_reset_random(
    key: Key[Array, ""],
    *,
    height: int = 13,
    width: int = 13,
    walls: int = 60,
    variable: bool = False,
) -> MazeLevel:
    """DCD's `reset_random`: goal and agent first, then distinct walls on the cells left.

    There are walls // 2 of them; with `variable` blocks n ~ U{0, ..., walls - 1}.
    """
    check_room(height, width, walls=walls)
    place_key, count_key, walls_key = jax.random.split(key, 3)
    level = place(place_key, jnp.zeros((height, width), bool))
    chance = jax.random.uniform(count_key, dtype=jnp.float32)
    count = below(chance, walls) if variable else jnp.int32(walls // 2)
    shape = (height, width)
    taken = at(level.goal, shape) | at(level.agent, shape)
    order = jax.random.permutation(walls_key, height * width).reshape(shape)
    # Agent and goal stand in the queue too: the cells behind them move up.
    ahead = jnp.stack([order > order[cell[1], cell[0]] for cell in (level.goal, level.agent)])
    order = order - ahead.sum(axis=0, dtype=jnp.int32)
    return level._replace(walls=~taken & (order < count))


def mixture(
    key: Key[Array, ""], generators: Sequence[Generator], weights: Sequence[float | int]
) -> MazeLevel:
    """A level of one of `generators`, chosen with probability proportional to its weight.

    Every generator runs and one result is kept: under `vmap` a branch would run them all anyway.
    """
    if not generators or len(generators) != len(weights):
        raise ConfigError(
            "mixture needs one weight for each of one or more generators, "
            f"got {len(generators)} generators and {len(weights)} weights."
        )
    if min(weights) < 0 or sum(weights) <= 0:
        raise ConfigError(
            f"mixture weights must be 0 or more with a positive sum, got {list(weights)}."
        )
    choice_key, *keys = jax.random.split(key, len(generators) + 1)
    levels = [generator(k) for generator, k in zip(generators, keys, strict=True)]
    bounds = jnp.cumsum(jnp.asarray(weights, jnp.float32)) / jnp.float32(sum(weights))
    # Rounding may leave the last bound a hair below 1, hence not counting it.
    choice = jnp.sum(jax.random.uniform(choice_key, dtype=jnp.float32) >= bounds[:-1])
    return jax.tree.map(lambda *leaves: jnp.stack(leaves)[choice], *levels)


def check_room(height: int, width: int, *, walls: int) -> None:
    """Raise ConfigError unless the grid can hold `walls`, the agent and the goal."""
    if height < 1 or width < 1 or not 0 <= walls <= height * width - 2:
        raise ConfigError(
            f"A {height}x{width} maze must hold its walls, the agent and the goal: "
            f"expected 0 to {max(height * width - 2, 0)} walls, got {walls}."
        )
