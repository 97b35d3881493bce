"""Cells of a grid: masks, neighbours and choice by chance."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

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


def below(chance: Float[Array, "*n"], count: Int[Array, "..."] | int) -> Int[Array, "*n"]:
    """A number in [0, `count`) out of one in [0, 1); 0 if there is none.

    Cheaper by far to compile and to run than `jax.random.randint`, which hashes four times. Its
    bias is below `count` / 2**23.
    """
    return jnp.floor(chance * jnp.asarray(count, jnp.float32)).astype(jnp.int32)


def random_cell(chance: Float[Array, ""], free: Bool[Array, "height width"]) -> Int[Array, "2"]:
    """(x, y) of a true cell of `free`, uniform if `chance` is; (0, 0) if there is none."""
    # One random number picks the n-th free cell: a draw per cell would cost 169 of them.
    count = jnp.cumsum(free.reshape(-1), dtype=jnp.int32)
    return cell_of(jnp.argmax(count > below(chance, count[-1])), free.shape[1])


def cell_of(index: Int[Array, ""], width: int) -> Int[Array, "2"]:
    """(x, y) of the cell with that number in reading order."""
    return jnp.stack([index % width, index // width]).astype(jnp.int32)
