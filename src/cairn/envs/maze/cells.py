"""Cells of a grid: masks, neighbours and random choice."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from cairn.envs.maze.level import HEADINGS


def row_numbers(shape: tuple[int, ...]) -> Int[Array, "height 1"]:
    """y of each cell of a grid of `shape` (height, width), ready to broadcast."""
    return jnp.arange(shape[0], dtype=jnp.int32)[:, None]


def column_numbers(shape: tuple[int, ...]) -> Int[Array, "1 width"]:
    """x of each cell of a grid of `shape` (height, width), ready to broadcast."""
    return jnp.arange(shape[1], dtype=jnp.int32)[None, :]


def at(cell: Int[Array, "2"], shape: tuple[int, ...]) -> Bool[Array, "height width"]:
    """The grid of `shape` (height, width) that is true at `cell` (x, y) alone."""
    return (row_numbers(shape) == cell[1]) & (column_numbers(shape) == cell[0])


def ahead(mask: Bool[Array, "height width"], way: int) -> Bool[Array, "height width"]:
    """`mask` at each cell's neighbour in direction `way` (a heading); false beyond the edge."""
    height, width = mask.shape
    dx, dy = int(HEADINGS[way, 0]), int(HEADINGS[way, 1])
    return jnp.pad(mask, 1)[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]


def random_cell(key: Key[Array, ""], free: Bool[Array, "height width"]) -> Int[Array, "2"]:
    """(x, y) of a uniformly drawn true cell of `free`; (0, 0) if there is none."""
    # One random number picks the n-th free cell: a draw per cell would cost 169 of them.
    count = jnp.cumsum(free.reshape(-1), dtype=jnp.int32)
    return cell_of(jnp.argmax(count > jax.random.randint(key, (), 0, count[-1])), free.shape[1])


def cell_of(index: Int[Array, ""], width: int) -> Int[Array, "2"]:
    """(x, y) of the cell with that number in reading order."""
    return jnp.stack([index % width, index // width]).astype(jnp.int32)
