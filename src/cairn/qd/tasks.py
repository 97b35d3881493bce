"""Black boxes to search: a task maps solutions to fitness and descriptors, and has a map to fill.

A task's fields are its config, as an environment's are: each becomes a flag of `cairn train`.
"""

import abc
from collections.abc import Mapping
from types import MappingProxyType

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cairn.archive.cvt import Cvt
from cairn.archive.grid import Grid
from cairn.core import checks
from cairn.core.errors import ConfigError

SHIFT, LIMIT = np.float32(2.048), np.float32(5.12)
"""Of the linear projection: where the optimum lies, and where a coordinate stops to count."""


class Task(eqx.Module):
    """What is to be found: good solutions in every cell of `tessellation`."""

    @property
    @abc.abstractmethod
    def tessellation(self) -> Grid | Cvt:
        """The cells of descriptor space."""

    @property
    @abc.abstractmethod
    def start(self) -> Float[Array, " dims"]:
        """Where the search begins."""

    @property
    def scale(self) -> float:
        """The unit of a search's steps, so that one default serves all tasks."""
        return 1.0

    @property
    def lowest(self) -> float:
        """A lower bound of the fitness worth having: what the QD score counts from."""
        return 0.0

    def evaluate(
        self, solutions: Float[Array, "batch dims"]
    ) -> tuple[Float[Array, " batch"], Float[Array, "batch measures"]]:
        """Fitness (higher is better) and descriptors. Pure; NaN where an evaluation failed.

        Whoever asks and tells by hand needs none (see examples/own_fitness.py).
        """
        raise ConfigError(
            f"{type(self).__name__} has no `evaluate`: give it one in JAX, or use a method's `ask`"
            " and `tell` with a function of your own."
        )


def descriptor(task: Task) -> Float[Array, " measures"]:
    """An example of one descriptor."""
    cells = task.tessellation
    return jnp.zeros(cells.centroids.shape[1] if isinstance(cells, Cvt) else len(cells.shape))


def check(task: Task) -> None:
    """Raise ConfigError if what the task evaluates to cannot be kept in its cells."""
    batch = jax.ShapeDtypeStruct((2, *task.start.shape), task.start.dtype)
    try:
        fitness, descriptors = jax.eval_shape(task.evaluate, batch)
    except Exception as error:  # of the user's own code: whatever it is, it is named
        why = str(error).split("\n", 1)[0]
        raise ConfigError(
            f"{type(task).__name__}.evaluate cannot be compiled, or does not return (fitness, "
            f"descriptors): {type(error).__name__}: {why}"
        ) from error
    wanted = {"fitness": (2,), "descriptors": (2, *descriptor(task).shape)}
    for (what, shape), came in zip(wanted.items(), (fitness, descriptors), strict=True):
        if (came.dtype, came.shape) != (jnp.float32, shape):
            raise ConfigError(
                f"{type(task).__name__}.evaluate must return {what} as float32 of shape {shape} for"
                f" 2 solutions, got {came.dtype} of shape {came.shape}."
            )


class Projection(Task):
    """Two sums of clipped coordinates as descriptor, whatever the fitness.

    The descriptor of a random solution clusters at the centre of the box, so its border is hard
    to reach. Source: Fontaine et al. 2020, arXiv:1912.02400, §5.
    """

    dims: int = eqx.field(static=True, default=100)
    """Length of a solution; even."""
    side: int = eqx.field(static=True, default=100)
    """Cells along each of the two axes."""

    def __check_init__(self):
        checks.at_least(self, 2, "dims")
        checks.at_least(self, 1, "side")
        if self.dims % 2:
            raise ConfigError(f"dims must be even, got {self.dims}.")

    @property
    def bound(self) -> float:
        """The box of descriptors is ±bound on both axes: half the coordinates at their limit."""
        return 5.12 * self.dims / 2

    @property
    def tessellation(self) -> Grid:
        """The box of descriptors in side × side cells."""
        return Grid((self.side,) * 2, (-self.bound,) * 2, (self.bound,) * 2)

    @property
    def start(self) -> Float[Array, " dims"]:
        """The origin."""
        return jnp.zeros(self.dims, jnp.float32)

    def project(self, solutions: Float[Array, "batch dims"]) -> Float[Array, "batch 2"]:
        """The two half sums of `g(x)`, which is x within ±5.12 and 5.12/x outside."""
        within = jnp.abs(solutions) <= LIMIT
        divisor = jnp.where(within, np.float32(1), solutions)
        folded = jnp.where(within, solutions, LIMIT / divisor)
        # Sums as products with constants: XLA adds up rows one by one, but multiplies fast.
        return folded @ np.repeat(np.eye(2, dtype=np.float32), self.dims // 2, axis=0)


class Sphere(Projection):
    """A sphere to climb, its descriptor two sums of coordinates (linear projection)."""

    def evaluate(
        self, solutions: Float[Array, "batch dims"]
    ) -> tuple[Float[Array, " batch"], Float[Array, "batch 2"]]:
        """`100 (1 - Σ(x - 2.048)² / (n 7.168²))`, and the projection.

        Solutions are not clipped; the fitness of the best is 100, negative far from the optimum.
        """
        squares = (solutions - SHIFT) ** 2 @ np.ones(self.dims, np.float32)
        fitness = np.float32(100) * (1 - squares / np.float32(self.dims * 7.168**2))
        return fitness, self.project(solutions)


class Rastrigin(Projection):
    """A sphere full of dents, its descriptor two sums of coordinates (linear projection)."""

    def evaluate(
        self, solutions: Float[Array, "batch dims"]
    ) -> tuple[Float[Array, " batch"], Float[Array, "batch 2"]]:
        """`100 (1 - Σ r(x - 2.048) / (n r(7.168)))` with `r(z) = 10 + z² - 10 cos 2πz`.

        The best has fitness 100, the far corner of the box, -5.12 everywhere, 0; not clipped.
        """
        away = solutions - SHIFT
        dents = 10 + away**2 - 10 * jnp.cos(np.float32(2 * np.pi) * away)
        worst = 10 + 7.168**2 - 10 * np.cos(2 * np.pi * 7.168)
        total = dents @ np.ones(self.dims, np.float32)
        fitness = np.float32(100) * (1 - total / np.float32(self.dims * worst))
        return fitness, self.project(solutions)


class Arm(Task):
    """A planar arm that should reach everywhere with its joints bent as evenly as possible.

    The links share a length of 1, so no more than the unit disc can be reached: π/4 of the box.
    Source: the arm repertoire of Vassiliades & Mouret 2018, arXiv:1804.03906, §4.1.
    """

    dims: int = eqx.field(static=True, default=12)
    """Joints."""
    side: int = eqx.field(static=True, default=100)
    """Cells along each of the two axes."""

    def __check_init__(self):
        checks.at_least(self, 1, "dims", "side")

    @property
    def tessellation(self) -> Grid:
        """The square [-1, 1]² in side × side cells."""
        return Grid((self.side,) * 2, (-1.0, -1.0), (1.0, 1.0))

    @property
    def start(self) -> Float[Array, " dims"]:
        """The straight arm."""
        return jnp.full(self.dims, 0.5, jnp.float32)

    @property
    def scale(self) -> float:
        """Joints live in [0, 1]; the other tasks' coordinates in ±5.12."""
        return 0.1

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


TASKS: Mapping[str, type[Task]] = MappingProxyType(
    {"sphere": Sphere, "rastrigin": Rastrigin, "arm": Arm}
)
"""Every task of this wing by name."""
