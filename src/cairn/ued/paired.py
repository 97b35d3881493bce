"""PAIRED: a teacher designs levels and is paid the regret between two students who play them.

Dennis et al. 2020, arXiv:2012.02096. Regret is what the antagonist reached less what the student
did: a level pays if it can be solved but is not yet, so an impossible one pays nothing.

Differs from JaxUED: regret is clipped at 0, the teacher always gets its noise, nothing is valued
beyond its last step. From minimax: every memory starts empty with every cycle, and the teacher's
learning rate is its own.
"""

from dataclasses import dataclass
from typing import ClassVar

from cairn.engine.program import Report
from cairn.score import STUDENT
from cairn.score.paired import ANTAGONIST, Regret, Which
from cairn.ued import taught
from cairn.ued.method import crowded, method
from cairn.ued.parts import State
from cairn.ued.roles import Problems

STUDENTS = (STUDENT, ANTAGONIST)


@dataclass(frozen=True)
class Config(taught.TaughtConfig):
    """PAIRED."""

    antagonist: Which = "best"
    """Which of its returns on a level counts. The best of many episodes flatters it (DCD,
    minimax's `relative_regret`); the mean does not (minimax's `mean_relative_regret`)."""

    fixed_score: ClassVar[str] = "regret"

    @property
    def players(self) -> tuple[str, ...]:
        """Student and antagonist."""
        return STUDENTS


def step(problems: Problems, config: Config, state: State) -> tuple[State, Report]:
    """The teacher designs levels; both students play them; the teacher is paid their regret."""
    return taught.cycle(problems, config, state, Regret(config.antagonist))


METHOD = method(__doc__, Config, taught.begin, step, roles=taught.acting, adapts=crowded)
