"""What the agent sees: the `view`×`view` block ahead of it, forward up, as MiniGrid's codes.

Convention: `image[row, column]`, row 0 farthest, the agent at `[view - 1, view // 2]` looking
towards row 0, column 0 to its left (as minimax). JaxUED and MiniGrid return the transpose
`[column, row]`: a policy trained on one fails silently on the other.

Channels are (object, colour, state). Walls do not block sight and nothing is ever unseen; all
outside the grid is wall.
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt8

from cairn.envs.maze.rules import MazeState, load

EMPTY, WALL, GOAL, AGENT = 1, 2, 8, 10
GREEN, GREY = 1, 5
SCALE = 10.0
"""Codes are divided by this when normalised, as every public UED config does."""


def window(
    state: MazeState, view: int, border: int
) -> tuple[Bool[Array, "view view"], Bool[Array, "view view"]]:
    """Where the view shows walls and where it shows the goal, forward up."""
    reach, half = view - 1, view // 2
    x, y = state.agent[0], state.agent[1]
    heading = state.heading
    vertical = (heading % 2) == 1  # south or north: the view's rows are rows of the map
    ahead = jnp.where(heading < 2, 1, -1)  # east and south look towards larger coordinates
    # Right of the view is towards larger coordinates when looking north or east.
    right = jnp.where((heading == 0) | (heading == 3), 1, -1)
    along, across = jnp.where(vertical, y, x), jnp.where(vertical, x, y)

    side = state.bits.shape[0] // 2
    far_to_near = jnp.arange(reach, -1, -1, dtype=jnp.int32)
    row = jnp.where(vertical, 0, side) + along + ahead * far_to_near + border
    words = load(state.bits, row, across - half + border)
    columns = jnp.arange(view, dtype=jnp.int32)
    shift = jnp.where(right > 0, columns, reach - columns).astype(jnp.uint32)
    walls = ((words[:, None] >> shift[None, :]) & jnp.uint32(1)) == 1

    away = jnp.where(vertical, state.goal[1] - y, state.goal[0] - x) * ahead
    aside = jnp.where(vertical, state.goal[0] - x, state.goal[1] - y) * right
    goal = (far_to_near == away)[:, None] & (columns == aside + half)[None, :]
    return walls, goal


def image(
    state: MazeState, view: int, border: int, see_agent: bool, normalize: bool
) -> Float[Array, "view view 3"] | UInt8[Array, "view view 3"]:
    """The coded view; float32 in [0, 1] if `normalize`, else uint8."""
    walls, goal = window(state, view, border)
    kind = jnp.where(walls, WALL, jnp.where(goal, GOAL, EMPTY))
    colour = jnp.where(walls, GREY, jnp.where(goal, GREEN, 0))
    extra = jnp.zeros_like(kind)
    if see_agent:
        here = (view - 1, view // 2)
        kind = kind.at[here].set(AGENT)
        colour = colour.at[here].set(0)
        extra = extra.at[here].set(state.heading)
    codes = jnp.stack([kind, colour, extra], axis=-1)
    return codes.astype(jnp.float32) / SCALE if normalize else codes.astype(jnp.uint8)
