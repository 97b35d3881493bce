"""Product: every combination of the cells of several tessellations."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PyTree, Shaped

from cairn.archive.tessellation import Tessellation, inside
from cairn.core.errors import ConfigError


class Product(eqx.Module):
    """One cell per combination of the parts' cells, numbered row-major: the last part runs first.

    A descriptor is a tuple with one entry per part, for example a risk's index and a length.
    """

    parts: tuple[Tessellation, ...]

    def __check_init__(self):
        if not self.parts:
            raise ConfigError("Product needs at least one part, got none.")
        if self.cells >= 2**31 - 1:
            raise ConfigError(f"Product has {self.cells:,} cells; at most 2^31 - 2 can be numbered.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The parts' shapes, one after the other."""
        return tuple(n for part in self.parts for n in part.shape)

    @property
    def cells(self) -> int:
        """How many cells: the product over the parts."""
        return math.prod(part.cells for part in self.parts)

    def cell(
        self, descriptors: tuple[PyTree[Shaped[Array, "batch ..."]], ...]
    ) -> Int[Array, " batch"]:
        """The combined cell; `cells` where any part of the descriptor lies in no cell."""
        flat, named = np.int32(0), np.bool_(True)
        for part, descriptor in zip(self.parts, descriptors, strict=True):
            cell = part.cell(descriptor)
            flat = flat * np.int32(part.cells) + cell
            named = named & inside(part, cell)
        return jnp.where(named, flat, np.int32(self.cells))

    def split(self, cell: Int[Array, " batch"]) -> tuple[Int[Array, " batch"], ...]:
        """The parts' cells of each combined cell, the inverse of `cell`. Expects cells in range."""
        split = []
        for part in reversed(self.parts):
            cell, own = jnp.divmod(cell, jnp.int32(part.cells))
            split.append(own)
        return tuple(reversed(split))
