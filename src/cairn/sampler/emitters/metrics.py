"""What the loops over an archive of elites report after a chunk of steps."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from cairn.archive.elites import Elites, best, coverage, qd_score
from cairn.core.errors import ConfigError


class Metrics(NamedTuple):
    """The archive after the last of a chunk of steps."""

    evaluations: UInt32[Array, ""]
    """Solutions evaluated since the run began."""
    entered: Int[Array, ""]
    """How many solutions became elites during the chunk."""
    coverage: Float[Array, ""]
    """Share of the cells that are occupied."""
    qd_score: Float[Array, ""]
    """Sum of the elites' fitness; the offset is 0."""
    best: Float[Array, ""]
    """The highest fitness."""


def check_steps(steps: int) -> None:
    """Raise ConfigError for a chunk of no step."""
    if steps < 1:
        raise ConfigError(f"steps must be at least 1, got {steps}.")


def measure(
    elites: Elites, evaluations: UInt32[Array, ""], entered: Int[Array, " steps"]
) -> Metrics:
    """The metrics of these elites."""
    total = jnp.sum(entered, dtype=np.int32)
    return Metrics(evaluations, total, coverage(elites), qd_score(elites), best(elites))
