"""Regret against another player: PAIRED's score. Dennis et al. 2020, arXiv:2012.02096."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import jax.numpy as jnp

from cairn.core.returns import Number
from cairn.core.trace import Trace
from cairn.score.base import STUDENT, Reading, Score, Scored
from cairn.score.episodes import episode_statistics

ANTAGONIST = "antagonist"
"""The role of the second student, who shows what could have been reached."""


@dataclass(frozen=True)
class Regret(Score):
    """Regret: the antagonist's best return on the level less the student's mean return.

    max(0, max_e R_e(antagonist) - mean_e R_e(student)) over complete episodes, undiscounted, as in
    DCD and minimax; JaxUED does not clip. Valid where both finished an episode. Nothing is
    remembered: what the antagonist once reached says little of what it reaches now.
    """

    antagonist: Literal["best", "mean"] = "best"
    """Which of its returns counts. A best of many short episodes flatters; the mean does not."""
    clip: bool = True
    """No regret below 0, as where the student does better than the antagonist."""

    reads: ClassVar[tuple[Reading, ...]] = ("return",)
    roles: ClassVar[tuple[str, ...]] = (STUDENT, ANTAGONIST)

    def unseen(self, *shape: int) -> tuple[()]:
        """Nothing."""
        return ()

    def merge(self, memory: tuple[()], seen: tuple[()]) -> tuple[()]:
        """Nothing."""
        return ()

    def __call__(
        self, traces: Mapping[str, Trace], memory: tuple[()], gamma: Number, lam: Number
    ) -> Scored:
        """The regret of each column."""
        student = episode_statistics(traces[STUDENT])
        other = episode_statistics(traces[ANTAGONIST])
        reached = other.best_return if self.antagonist == "best" else other.mean_return
        regret = reached - student.mean_return
        valid = (student.finished > 0) & (other.finished > 0)
        if self.clip:
            regret = jnp.maximum(regret, 0.0)
        return Scored(jnp.where(valid, regret, 0.0), valid, ())


REGRET = Regret()
