"""Grid: a box cut into equal cells.

Mouret & Clune 2015, arXiv:1504.04909. Differs: a cell is found by comparing with its edges, not
by arithmetic alone, which rounds differently in every program that it is compiled into.
"""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int

from cairn.core.errors import ConfigError

NARROWEST = 16
"""Float32 steps at the far end of the box that a cell must be wide, for `Grid.cell` to be exact."""


class Grid(eqx.Module):
    """A box in descriptor space, cut into `shape[d]` equal intervals along each axis d.

    A descriptor on an edge belongs to the cell above it, on the upper bound to the last cell;
    outside the box it goes to the border cell next to it; one that is not finite has no cell.
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
            step = float(np.spacing(np.float32(max(abs(low), abs(high)))))
            if not (high - low) / n >= NARROWEST * step:
                raise ConfigError(
                    f"Grid axis {axis} has {n} cells between {low} and {high}: too narrow for"
                    f" float32, whose steps are {step:.2g} there. Ask for fewer, or move the box"
                    " towards 0."
                )

    @property
    def cells(self) -> int:
        """How many cells: the product of `shape`."""
        return math.prod(self.shape)

    def edges(self, axis: int) -> Float32[np.ndarray, " edges"]:
        """`(lower (n - i) + upper i) / n` for i in 0 … n, in float64, rounded once to float32."""
        n, low, high = self.shape[axis], self.lower[axis], self.upper[axis]
        i = np.arange(n + 1, dtype=np.float64)
        return ((low * (n - i) + high * i) / n).astype(np.float32)

    def cell(self, descriptors: Float[Array, "batch dims"]) -> Int[Array, " batch"]:
        """How many `edges` lie at or below each entry, minus one, within 0 … n - 1; row-major.

        The same in every program, jitted or not, and in NumPy; a subnormal number counts as 0.
        Returns `cells` for a descriptor with an entry that is not finite.
        """
        shape = np.array(self.shape, np.float32)[None]
        lower, upper = (np.array(bound, np.float64)[None] for bound in (self.lower, self.upper))
        finite = jnp.isfinite(descriptors)
        offset = jnp.where(finite, descriptors, jnp.float32(0)) - lower.astype(np.float32)
        guess = offset * (np.array(self.shape) / (upper - lower)).astype(np.float32)
        # Clipped while still a float: an integer would overflow for huge descriptors.
        interval = jnp.clip(guess, np.float32(0), shape - 1).astype(jnp.int32)
        # Rounded, the guess is off by one at most; exact comparisons with both edges mend that.
        tables = [self.edges(axis) for axis in range(len(self.shape))]
        for table in tables:
            table[0], table[-1] = -np.inf, np.inf
        first = np.cumsum([0, *map(len, tables[:-1])], dtype=np.int32)[None]
        edges, at = jnp.asarray(np.concatenate(tables)), interval + first
        below, above = descriptors < edges[at], descriptors >= edges[at + 1]
        interval = interval - below.astype(jnp.int32) + above.astype(jnp.int32)
        stride = np.cumprod((1, *self.shape[:0:-1]), dtype=np.int32)[::-1][None]
        flat = jnp.sum(interval * stride, axis=1, dtype=jnp.int32)
        return jnp.where(jnp.all(finite, axis=1), flat, jnp.int32(self.cells))
