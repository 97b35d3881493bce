"""Grid: a box cut into equal cells.

Mouret & Clune 2015, arXiv:1504.04909.
"""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cairn.core.errors import ConfigError


class Grid(eqx.Module):
    """A box in descriptor space, cut into `shape[d]` equal intervals along each axis d.

    The upper bound belongs to the last cell; a descriptor outside the box goes to the border
    cell next to it; one that is not finite has no cell.
    """

    shape: tuple[int, ...] = eqx.field(static=True)
    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)

    def __check_init__(self):
        if not self.shape or not len(self.shape) == len(self.lower) == len(self.upper):
            raise ConfigError(
                "Grid needs one shape, lower and upper entry per axis, got"
                f" {len(self.shape)}, {len(self.lower)} and {len(self.upper)}."
            )
        for axis, (n, low, high) in enumerate(zip(self.shape, self.lower, self.upper, strict=True)):
            if n < 1:
                raise ConfigError(f"Grid.shape[{axis}] must be at least 1, got {n}.")
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ConfigError(
                    f"Grid axis {axis} needs finite bounds with lower < upper,"
                    f" got lower {low} and upper {high}."
                )

    @property
    def cells(self) -> int:
        """How many cells: the product of `shape`."""
        return math.prod(self.shape)

    def cell(self, descriptors: Float[Array, "batch dims"]) -> Int[Array, " batch"]:
        """`clip(floor((n (m - lower) + 1e-6) / (upper - lower)), 0, n - 1)`, flattened row-major.

        Returns `cells` for a descriptor with an entry that is not finite.
        """
        shape = np.array(self.shape, np.float32)[None]
        lower, upper = (np.array(bound, np.float32)[None] for bound in (self.lower, self.upper))
        finite = jnp.isfinite(descriptors)
        offset = jnp.where(finite, descriptors, jnp.float32(0)) - lower
        interval = jnp.floor((shape * offset + np.float32(1e-6)) / (upper - lower))
        # Clipped while still a float: an integer would overflow for huge descriptors.
        interval = jnp.clip(interval, np.float32(0), shape - 1).astype(jnp.int32)
        stride = np.cumprod((1, *self.shape[:0:-1]), dtype=np.int32)[::-1][None]
        flat = jnp.sum(interval * stride, axis=1, dtype=jnp.int32)
        return jnp.where(jnp.all(finite, axis=1), flat, jnp.int32(self.cells))
