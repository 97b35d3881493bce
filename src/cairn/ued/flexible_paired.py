"""Flexible PAIRED: the teacher is paid the regret of whichever of two students did worse.

Jiang et al. 2021, arXiv:2110.02439, and its code (DCD, `flexible_paired`). As PAIRED, but on each
level the student with the higher return stands in for the antagonist: a level that only the first
can solve pays as well as one that only the second can. Of equals the student is the better.
"""

from dataclasses import dataclass
from typing import ClassVar

from cairn.engine.program import Report
from cairn.score import STUDENT
from cairn.score.paired import ANTAGONIST, FLEXIBLE_REGRET
from cairn.ued import taught
from cairn.ued.method import crowded, method
from cairn.ued.parts import State
from cairn.ued.roles import Problems


@dataclass(frozen=True)
class Config(taught.TaughtConfig):
    """Flexible PAIRED."""

    fixed_score: ClassVar[str] = "flexible-regret"

    @property
    def players(self) -> tuple[str, ...]:
        """Both students; on each level either may be the antagonist."""
        return STUDENT, ANTAGONIST


def step(problems: Problems, config: Config, state: State) -> tuple[State, Report]:
    """The teacher designs levels; both students play them; the teacher is paid the worse's."""
    return taught.cycle(problems, config, state, FLEXIBLE_REGRET)


METHOD = method(__doc__, Config, taught.begin, step, roles=taught.acting, adapts=crowded)
