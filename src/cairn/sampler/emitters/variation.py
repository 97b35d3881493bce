"""Variation: parents drawn from the elites, and the blind steps taken from them."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from cairn.archive.elites import Elites
from cairn.core.returns import Number
from cairn.sampler.emitters.normal import normal


def draw_cells(elites: Elites, key: Key[Array, ""], n: int) -> Int[Array, " n"]:
    """`n` occupied cells, uniformly and with replacement; cell 0 while none is occupied.

    Takes a time that does not depend on the number of cells: `filled` lists the occupied ones.
    """
    position = jax.random.randint(key, (n,), 0, jnp.maximum(elites.count, np.int32(1)))
    return elites.filled[position]


def gaussian(
    key: Key[Array, ""], parents: Float[Array, "batch dims"], *, std: Number
) -> Float[Array, "batch dims"]:
    """`parent + std N(0, I)`."""
    return parents + _single(std) * normal(key, parents.shape)


def iso_line(
    key: Key[Array, ""],
    parents: Float[Array, "batch dims"],
    partners: Float[Array, "batch dims"],
    *,
    iso: Number,
    line: Number,
) -> Float[Array, "batch dims"]:
    """`parent + iso N(0, I) + line (partner - parent) N(0, 1)`, the last one scalar per child.

    Source: Vassiliades & Mouret 2018, arXiv:1804.03906, eq. 2.
    """
    iso_key, line_key = jax.random.split(key)
    step = normal(line_key, (parents.shape[0], 1))
    along = _single(line) * step * (partners - parents)
    return gaussian(iso_key, parents, std=iso) + along


def _single(number: Number) -> np.float32 | Float[Array, ""]:
    """A plain number in single precision; an argument of the program is so already."""
    return np.float32(number) if isinstance(number, float | int) else number
