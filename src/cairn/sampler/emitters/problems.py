"""Two black-box problems with known answers, for benchmarks and tests.

A problem maps solutions to fitness and descriptors; nothing else is known of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cairn.archive.grid import Grid

Evaluate = Callable[
    [Float[Array, "batch dims"]], tuple[Float[Array, " batch"], Float[Array, "batch measures"]]
]
"""Solutions to fitness (higher is better) and descriptors. Pure."""


@dataclass(frozen=True)
class Sphere:
    """Linear projection: a sphere to climb, and two sums of clipped coordinates as descriptor.

    The descriptor of a random solution clusters at the centre of the box, so its border is hard
    to reach. Source: Fontaine et al. 2020, arXiv:1912.02400, §5.
    """

    dims: int = 100
    """Length of a solution; even."""

    @property
    def bound(self) -> float:
        """The box of descriptors is ±bound on both axes: half the coordinates at their limit."""
        return 5.12 * self.dims / 2

    def grid(self, side: int = 100) -> Grid:
        """The box of descriptors in side × side cells."""
        return Grid((side, side), (-self.bound,) * 2, (self.bound,) * 2)

    def start(self) -> Float[Array, " dims"]:
        """Where the search begins: the origin."""
        return jnp.zeros(self.dims, jnp.float32)

    def evaluate(
        self, solutions: Float[Array, "batch dims"]
    ) -> tuple[Float[Array, " batch"], Float[Array, "batch 2"]]:
        """`100 (1 - Σ(x - 2.048)² / (n 7.168²))`, and the two half sums of `g(x)`.

        `g(x)` is x within ±5.12 and 5.12/x outside. Solutions are not clipped; the fitness of
        the best is 100, and it is negative far from the optimum.
        """
        # Sums as products with constants: XLA adds up rows one by one, but multiplies fast.
        squares = (solutions - np.float32(2.048)) ** 2 @ np.ones(self.dims, np.float32)
        fitness = np.float32(100) * (1 - squares / np.float32(self.dims * 7.168**2))
        within = jnp.abs(solutions) <= np.float32(5.12)
        divisor = jnp.where(within, np.float32(1), solutions)
        folded = jnp.where(within, solutions, np.float32(5.12) / divisor)
        halves = np.repeat(np.eye(2, dtype=np.float32), self.dims // 2, axis=0)
        return fitness, folded @ halves


@dataclass(frozen=True)
class Arm:
    """A planar arm that should reach everywhere with its joints bent as evenly as possible.

    The links share a length of 1, so no more than the unit disc can be reached: π/4 of the box.
    Source: the arm repertoire of Vassiliades & Mouret 2018, arXiv:1804.03906, §4.1.
    """

    dims: int = 12
    """Joints."""

    def grid(self, side: int = 100) -> Grid:
        """The square [-1, 1]² in side × side cells."""
        return Grid((side, side), (-1.0, -1.0), (1.0, 1.0))

    def start(self) -> Float[Array, " dims"]:
        """Where the search begins: the straight arm."""
        return jnp.full(self.dims, 0.5, jnp.float32)

    def evaluate(
        self, solutions: Float[Array, "batch dims"]
    ) -> tuple[Float[Array, " batch"], Float[Array, "batch 2"]]:
        """1 minus the standard deviation of the joints, and where the hand ends up, (x, y).

        A joint is `clip(x, 0, 1)` and turns by `2π (x - 1/2)` from the link before it. The
        fitness lies in [1/2, 1].
        """
        joints = jnp.clip(solutions, np.float32(0), np.float32(1))
        heading = jnp.cumsum(np.float32(2 * np.pi) * (joints - np.float32(0.5)), axis=1)
        hand = jnp.stack([jnp.mean(jnp.cos(heading), 1), jnp.mean(jnp.sin(heading), 1)], axis=1)
        return 1 - jnp.std(joints, axis=1), hand
