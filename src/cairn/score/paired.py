"""What a teacher is paid: PAIRED's regret between players, its relatives, and the adversary's wage.

All are of complete episodes, undiscounted. Nothing is remembered: what another player once reached
says little of what it reaches now. With R_j,e the return of player j's episode e on the level:

    regret               max(0, max_e R_antagonist,e - mean_e R_student,e)    Dennis et al. 2020
    flexible regret      max(0, max_e R_better,e - mean_e R_other,e)          DCD
    population regret    max_j max_e R_j,e - mean_j mean_e R_j,e              minimax
    negative return      -mean_e R_student,e, or -max_e R_student,e           minimax, DCD

Sources: Dennis et al. 2020, arXiv:2012.02096; Jiang et al. 2021, arXiv:2110.02439, whose code is
facebookresearch/dcd; the code of facebookresearch/minimax.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cairn.core.returns import Number
from cairn.core.trace import Trace
from cairn.score.base import STUDENT, Forgetful, Reading, Scored
from cairn.score.episodes import EpisodeStatistics, episode_statistics

ANTAGONIST = "antagonist"
"""The role of the second student, who shows what could have been reached."""
SECOND = "student-2"
"""The role of the second of a population of students."""

Which = Literal["best", "mean"]
"""Which of a player's returns on a level counts."""


@dataclass(frozen=True)
class Regret(Forgetful):
    """Regret: the antagonist's best return on the level less the student's mean return.

    Clipped at 0 as in DCD and minimax; JaxUED does not clip. Valid where both finished an episode.
    """

    antagonist: Which = "best"
    """Which of its returns counts. A best of many short episodes flatters; the mean does not."""
    clip: bool = True
    """No regret below 0, as where the student does better than the antagonist."""

    reads: ClassVar[tuple[Reading, ...]] = ("return",)
    roles: ClassVar[tuple[str, ...]] = (STUDENT, ANTAGONIST)

    def __call__(
        self, traces: Mapping[str, Trace], memory: tuple[()], gamma: Number, lam: Number
    ) -> Scored:
        """The regret of each column."""
        student = episode_statistics(traces[STUDENT])
        other = episode_statistics(traces[ANTAGONIST])
        regret = _of(other, self.antagonist) - student.mean_return
        valid = (student.finished > 0) & (other.finished > 0)
        return _scored(jnp.maximum(regret, 0.0) if self.clip else regret, valid)


@dataclass(frozen=True)
class FlexibleRegret(Forgetful):
    """Flexible regret: the best return of the better player less the other one's mean return.

    The better one of a level is who reached the higher return there; of equals the student.
    """

    reads: ClassVar[tuple[Reading, ...]] = ("return",)
    roles: ClassVar[tuple[str, ...]] = (STUDENT, ANTAGONIST)

    def __call__(
        self, traces: Mapping[str, Trace], memory: tuple[()], gamma: Number, lam: Number
    ) -> Scored:
        """The regret of each column; valid where both finished an episode."""
        student = episode_statistics(traces[STUDENT])
        other = episode_statistics(traces[ANTAGONIST])
        behind = jnp.where(
            other.best_return > student.best_return, student.mean_return, other.mean_return
        )
        reached = jnp.maximum(student.best_return, other.best_return)
        valid = (student.finished > 0) & (other.finished > 0)
        return _scored(jnp.maximum(reached - behind, 0.0), valid)


@dataclass(frozen=True)
class PopulationRegret(Forgetful):
    """Population regret: the best return of anybody less the mean of everybody's mean returns.

    Never negative, and nobody is marked out: the best of a level may be any of the `players`.
    """

    players: tuple[str, ...] = (STUDENT, SECOND)
    """Roles, two or more."""

    reads: ClassVar[tuple[Reading, ...]] = ("return",)
    roles: ClassVar[tuple[str, ...]] = (STUDENT, SECOND)

    def __call__(
        self, traces: Mapping[str, Trace], memory: tuple[()], gamma: Number, lam: Number
    ) -> Scored:
        """The regret of each column; valid where every player finished an episode."""
        found = [episode_statistics(traces[player]) for player in self.players]
        reached = jnp.max(jnp.stack([each.best_return for each in found]), axis=0)
        usual = jnp.mean(jnp.stack([each.mean_return for each in found]), axis=0)
        valid = jnp.all(jnp.stack([each.finished > 0 for each in found]), axis=0)
        return _scored(reached - usual, valid)


@dataclass(frozen=True)
class NegativeReturn(Forgetful):
    """Negative return: what the student failed to get, whether or not anybody could.

    What an adversary is paid. Levels that nobody can solve have most of it.
    """

    student: Which = "mean"
    """Which of its returns counts: the mean (minimax), or the best (DCD)."""

    reads: ClassVar[tuple[Reading, ...]] = ("return",)

    def __call__(
        self, traces: Mapping[str, Trace], memory: tuple[()], gamma: Number, lam: Number
    ) -> Scored:
        """Minus the return of each column; valid where an episode ended."""
        student = episode_statistics(traces[STUDENT])
        return _scored(-_of(student, self.student), student.finished > 0)


def _of(episodes: EpisodeStatistics, which: Which) -> Float[Array, " B"]:
    return episodes.best_return if which == "best" else episodes.mean_return


def _scored(score: Float[Array, " B"], valid: Bool[Array, " B"]) -> Scored:
    return Scored(jnp.where(valid, score, 0.0), valid, ())


REGRET = Regret()
FLEXIBLE_REGRET = FlexibleRegret()
POPULATION_REGRET = PopulationRegret()
NEGATIVE_RETURN = NegativeReturn()
