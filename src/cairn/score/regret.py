"""Estimates of regret from one rollout of the student.

Each is the mean over complete episodes of the mean over their steps of some m_t. A column without
a complete episode is not valid. Jiang et al. 2021, arXiv:2010.03934 and arXiv:2110.02439.
"""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core import trees
from cairn.core.returns import Number, gae, one_step_td
from cairn.core.trace import Trace
from cairn.score.base import STUDENT, Reading, Score, Scored
from cairn.score.best_return import BestReturn, best_ever, best_of, unseen
from cairn.score.episodes import episode_means, episode_statistics


class BestReturnScore(Score):
    """A score that remembers the best return of each level."""

    merge = staticmethod(trees.maximum)  # pyright: ignore[reportAssignmentType]

    def unseen(self, *shape: int) -> BestReturn:
        """No return yet."""
        return unseen(*shape)


class StepMean(BestReturnScore):
    """The mean over complete episodes of the mean over their steps of `metric`."""

    @abc.abstractmethod
    def metric(self, trace: Trace, gamma: Number, lam: Number) -> Float[Array, "T B"]:
        """m_t of every step."""

    def __call__(
        self, traces: Mapping[str, Trace], memory: BestReturn, gamma: Number, lam: Number
    ) -> Scored:
        """The mean for each column; what is remembered plays no part."""
        trace = traces[STUDENT]
        score, finished = episode_means(self.metric(trace, gamma, lam), trace.done)
        return Scored(score, finished > 0, best_of(episode_statistics(trace)))


@dataclass(frozen=True)
class PositiveValueLoss(StepMean):
    """Positive value loss: m_t = max(Â_t, 0), the critic's disappointment left out."""

    def metric(self, trace: Trace, gamma: Number, lam: Number) -> Float[Array, "T B"]:
        """max(Â_t, 0)."""
        return jnp.maximum(gae(trace, gamma, lam), 0.0)


@dataclass(frozen=True)
class L1ValueLoss(StepMean):
    """L1 value loss: m_t = |Â_t|, how wrong the critic is either way."""

    def metric(self, trace: Trace, gamma: Number, lam: Number) -> Float[Array, "T B"]:
        """|Â_t|."""
        return jnp.abs(gae(trace, gamma, lam))


@dataclass(frozen=True)
class OneStepTD(StepMean):
    """One-step TD error: m_t = |r_t + γ V_{t+1} - V_t|; λ has no part in it."""

    def metric(self, trace: Trace, gamma: Number, lam: Number) -> Float[Array, "T B"]:
        """|r_t + γ V_{t+1} - V_t|."""
        return jnp.abs(one_step_td(trace, gamma))


@dataclass(frozen=True)
class MaxMC(BestReturnScore):
    """MaxMC: m_t = R_max - V_t, with the best return ever seen on the level, this time included.

    Undiscounted; can be negative, so it wants rank prioritisation.
    """

    reads: ClassVar[tuple[Reading, ...]] = ("return", "value")

    def __call__(
        self, traces: Mapping[str, Trace], memory: BestReturn, gamma: Number, lam: Number
    ) -> Scored:
        """R_max less the mean value of each column."""
        trace = traces[STUDENT]
        seen = best_of(episode_statistics(trace))
        value, finished = episode_means(trace.value, trace.done)
        valid = finished > 0
        return Scored(jnp.where(valid, best_ever(memory, seen) - value, 0.0), valid, seen)


POSITIVE_VALUE_LOSS = PositiveValueLoss()
L1_VALUE_LOSS = L1ValueLoss()
ONE_STEP_TD = OneStepTD()
MAXMC = MaxMC()
