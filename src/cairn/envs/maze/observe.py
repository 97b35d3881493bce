"""What the agent sees: the `view`×`view` block ahead of it, forward up, as MiniGrid's codes.

Convention: `image[row, column]`, row 0 farthest, the agent at `[view - 1, view // 2]` looking
towards row 0, column 0 to its left (as minimax). JaxUED and MiniGrid return the transpose
`[column, row]`: a policy trained on one fails silently on the other.

Channels are (object, colour, state). Walls do not block sight and nothing is ever unseen; all
outside the grid is wall.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8, UInt32

from cairn.envs.maze.rules import MazeState, load

EMPTY, WALL, GOAL, AGENT = 1, 2, 8, 10
GREEN, GREY = 1, 5
SCALE = 10.0
"""Codes are divided by this when normalised, as every public UED config does."""


WORD = 32
"""Bits of a word."""


class Sight(NamedTuple):
    """What the view shows, before it is spelt out. Its cells are numbered row * view + column."""

    words: tuple[UInt32[Array, ""], ...]
    """Walls, a bit for each cell, as many whole rows in a word as fit: up to 5×5 it is one word."""
    mirrored: Bool[Array, ""]
    """Whether the bits of each row run from right to left."""
    goal: Int[Array, ""]
    """The cell that shows the goal, or -1."""


def sight(state: MazeState, view: int, border: int) -> Sight:
    """What the agent has before it, forward up."""
    reach, half = view - 1, view // 2
    x, y = state.agent[0], state.agent[1]
    vertical = (state.heading & 1) == 1  # south or north: the view's rows are rows of the map
    ahead = 1 - (state.heading & 2)  # east and south look towards larger coordinates
    # Right of the view is towards larger coordinates when looking north or east.
    right = 1 - ((state.heading + 1) & 2)
    along, across = jnp.where(vertical, y, x), jnp.where(vertical, x, y)

    side = state.bits.shape[0] // 2
    farthest = jnp.where(vertical, 0, side) + along + ahead * reach + border
    words = []
    for rows in _bands(view):
        lines = load(state.bits, farthest - ahead * rows, across - half + border)
        place = ((rows - rows[0]) * view).astype(np.uint32)
        # A sum, not a chain of `|`: XLA computes sums once, chains anew for each number it spells.
        words.append(jnp.sum((lines & jnp.uint32(2**view - 1)) << place, dtype=jnp.uint32))

    away = jnp.where(vertical, state.goal[1] - y, state.goal[0] - x) * ahead
    aside = jnp.where(vertical, state.goal[0] - x, state.goal[1] - y) * right + half
    visible = (away >= 0) & (away <= reach) & (aside >= 0) & (aside <= reach)
    return Sight(tuple(words), right < 0, jnp.where(visible, (reach - away) * view + aside, -1))


def image(
    state: MazeState, view: int, border: int, see_agent: bool, normalize: bool
) -> Float[Array, "view view 3"] | UInt8[Array, "view view 3"]:
    """The coded view; float32 in [0, 1] if `normalize`, else uint8.

    Every number is spelt out by a shift and two choices between constants, which compiles to the
    processor's widest instructions: a third of the time of making one channel after the other.
    """
    seen = sight(state, view, border)
    scale, dtype = (SCALE, jnp.float32) if normalize else (1, jnp.uint8)

    def spelt(code: tuple[int, int, int], cells: int) -> Array:
        return jnp.asarray(np.tile(np.array(code) / scale, cells), dtype)

    bands = []
    for word, rows in zip(seen.words, _bands(view), strict=True):
        row, column = np.divmod(np.repeat(np.arange(rows.size * view), 3), view)
        cell = jnp.asarray((rows[0] + row) * view + column, jnp.int32)
        straight, back = row * view + column, row * view + view - 1 - column
        shift = jnp.where(seen.mirrored, *(jnp.asarray(x, jnp.uint32) for x in (back, straight)))
        wall, goal, empty = (
            spelt(code, rows.size * view)
            for code in ((WALL, GREY, 0), (GOAL, GREEN, 0), (EMPTY, 0, 0))
        )
        is_wall = ((word >> shift) & jnp.uint32(1)) == 1
        bands.append(jnp.where(is_wall, wall, jnp.where(cell == seen.goal, goal, empty)))
    codes = jnp.concatenate(bands).reshape(view, view, 3)
    if see_agent:
        heading = state.heading.astype(dtype) / scale if normalize else state.heading.astype(dtype)
        own = spelt((AGENT, 0, 0), 1).at[2].set(heading)
        codes = codes.at[view - 1, view // 2].set(own)
    return codes


def _bands(view: int) -> list[np.ndarray]:
    """The view's row numbers, as many together as have their cells in one word."""
    height = WORD // view
    return [
        np.arange(first, min(first + height, view), dtype=np.int32)
        for first in range(0, view, height)
    ]
