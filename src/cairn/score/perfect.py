"""Regret against the truth, where a solver knows it. Dennis et al. 2020, arXiv:2012.02096."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core.returns import Number
from cairn.core.trace import Trace
from cairn.score.base import STUDENT, Forgetful, Reading, Scored
from cairn.score.episodes import episode_statistics


@dataclass(frozen=True)
class PerfectRegret(Forgetful):
    """Perfect regret: the best return that can be reached on the level less the student's mean.

    Undiscounted, over complete episodes. It is at least 0 in expectation, and is not clipped: a
    mean of few episodes may lie above the best mean. Nothing is remembered.
    """

    optimal: Float[Array, " B"] | None = None
    """The best return of each column's level."""

    reads: ClassVar[tuple[Reading, ...]] = ("return",)
    oracle: ClassVar[bool] = True

    def told(self, optimal: Float[Array, " B"]) -> "PerfectRegret":
        """With that as the best."""
        return dataclasses.replace(self, optimal=optimal)

    def __call__(
        self, traces: Mapping[str, Trace], memory: tuple[()], gamma: Number, lam: Number
    ) -> Scored:
        """The regret of each column; valid where an episode ended."""
        if self.optimal is None:
            raise ValueError("perfect regret has to be `told` the best return of each level")
        episodes = episode_statistics(traces[STUDENT])
        valid = episodes.finished > 0
        return Scored(jnp.where(valid, self.optimal - episodes.mean_return, 0.0), valid, ())


PERFECT_REGRET = PerfectRegret()
