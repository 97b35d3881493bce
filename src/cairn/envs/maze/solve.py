"""Exact distances in a maze by flooding from the goal, with and without the cost of turning.

A flood ends when it spreads no further: after as many rounds as the longest way has steps.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cairn.envs.maze import rules
from cairn.envs.maze.cells import ahead, at
from cairn.envs.maze.level import HEADINGS, MazeLevel

UNREACHABLE = 2**30
"""The distance of what cannot be reached: above any true one, and no sum of two overflows."""

_BORDER = 1
"""Nobody looks: a wall around the map is enough to walk."""

LEFT, RIGHT, FORWARD = range(3)
"""The actions that change anything (the other four of MiniGrid's seven only cost a step)."""


def distance_map(
    walls: Bool[Array, "height width"], goal: Int[Array, "2"]
) -> Int[Array, "height width"]:
    """Moves from each cell to `goal`, turning for free; UNREACHABLE on walls and cut-off cells."""

    def spread(reached: Bool[Array, "height width"]) -> Bool[Array, "height width"]:
        ways = [ahead(reached, way) for way in range(4)]
        return reached | ((ways[0] | ways[1] | ways[2] | ways[3]) & ~walls)

    return _rounds_until_reached(at(goal, walls.shape), spread)


def action_map(
    walls: Bool[Array, "height width"], goal: Int[Array, "2"]
) -> Int[Array, "4 height width"]:
    """Actions from each heading and cell to `goal`, each turn costing one.

    Zero for all headings on the goal, UNREACHABLE on walls and cut-off cells.
    """

    def spread(reached: Bool[Array, "4 height width"]) -> Bool[Array, "4 height width"]:
        forward = jnp.stack([ahead(reached[way], way) for way in range(4)])
        turned = jnp.roll(reached, 1, axis=0) | jnp.roll(reached, -1, axis=0)
        return reached | turned | (forward & ~walls[None])

    at_goal = at(goal, walls.shape)
    return _rounds_until_reached(jnp.stack([at_goal] * 4), spread)


def shortest_path(level: MazeLevel) -> Int[Array, ""]:
    """Moves on the shortest way from the agent to the goal, or UNREACHABLE."""
    return distance_map(level.walls, level.goal)[level.agent[1], level.agent[0]]


def optimal_actions(level: MazeLevel) -> Int[Array, ""]:
    """The fewest actions, turns included, from the start to the goal, or UNREACHABLE."""
    return action_map(level.walls, level.goal)[level.heading, level.agent[1], level.agent[0]]


def solvable(level: MazeLevel) -> Bool[Array, ""]:
    """Whether the goal can be reached at all, however many steps it takes."""
    return shortest_path(level) < UNREACHABLE


def optimal_return(level: MazeLevel, max_steps: int) -> Float[Array, ""]:
    """The best return of an episode: 1 - 0.9 n / `max_steps` for n optimal actions.

    0 if the goal cannot be reached within `max_steps` actions.
    """
    actions = optimal_actions(level)
    reward = 1 - 0.9 * actions.astype(jnp.float32) / max_steps
    return jnp.where(actions <= max_steps, reward, jnp.float32(0))


def best_action(
    actions_left: Int[Array, "4 height width"], agent: Int[Array, "2"], heading: Int[Array, ""]
) -> Int[Array, ""]:
    """An optimal action, given `action_map`'s result; forward before left before right in a tie."""
    height, width = actions_left.shape[1:]
    front = agent + jnp.asarray(HEADINGS)[heading]
    inside = ((front >= 0) & (front < jnp.array([width, height], jnp.int32))).all()
    front = jnp.where(inside, front, agent)
    forward = jnp.where(inside, actions_left[heading, front[1], front[0]], UNREACHABLE)
    left = actions_left[(heading + 3) % 4, agent[1], agent[0]]
    right = actions_left[(heading + 1) % 4, agent[1], agent[0]]
    best = jnp.argmin(jnp.stack([forward, left, right]))
    return jnp.array([FORWARD, LEFT, RIGHT], jnp.int32)[best]


def plan(level: MazeLevel, steps: int) -> Int[Array, " steps"]:
    """Actions along a shortest way to the goal; what follows the goal, or where there is no way, is
    of no use."""
    left = action_map(level.walls, level.goal)

    def act(state: rules.MazeState, _: None) -> tuple[rules.MazeState, Int[Array, ""]]:
        action = best_action(left, state.agent, state.heading)
        return rules.move(state, action, _BORDER)[0], action

    return jax.lax.scan(act, rules.begin(level, _BORDER), length=steps)[1]


def shortest_route(level: MazeLevel) -> list[tuple[int, int]]:
    """The cells (x, y) of one shortest way, agent and goal included; empty if there is none.

    Runs on the host, for pictures and reports.
    """
    distance = np.asarray(distance_map(level.walls, level.goal))
    height, width = distance.shape
    x, y = (int(v) for v in level.agent)
    if distance[y, x] == UNREACHABLE:
        return []
    route = [(x, y)]
    while distance[y, x] > 0:
        around = [(x + int(dx), y + int(dy)) for dx, dy in HEADINGS]
        around = [(u, v) for u, v in around if 0 <= u < width and 0 <= v < height]
        x, y = min(around, key=lambda cell: distance[cell[1], cell[0]])
        route.append((x, y))
    return route


def _rounds_until_reached(
    start: Bool[Array, "*cells"], spread: Callable[[Bool[Array, "*cells"]], Bool[Array, "*cells"]]
) -> Int[Array, "*cells"]:
    """In which round of spreading from `start` each cell is first reached."""

    def flood(
        carry: tuple[Bool[Array, "*cells"], Int[Array, "*cells"], Bool[Array, ""]],
    ) -> tuple[Bool[Array, "*cells"], Int[Array, "*cells"], Bool[Array, ""]]:
        reached, rounds, _ = carry
        further = spread(reached)
        return further, rounds + (~reached).astype(jnp.int32), (further != reached).any()

    first = (start, jnp.zeros(start.shape, jnp.int32), jnp.array(True))
    reached, rounds, _ = jax.lax.while_loop(lambda carry: carry[2], flood, first)
    return jnp.where(reached, rounds, UNREACHABLE)
