"""Population PAIRED: a teacher is paid the regret within a population of students.

Dennis et al. 2020, arXiv:2012.02096, for n students as in minimax (`population_regret`): on each
level the best return that any of them reached, less the mean of all their mean returns. Nobody is
the antagonist; with two students this is not PAIRED, in which only one of them counts as behind.
"""

from dataclasses import dataclass
from typing import ClassVar

from cairn.core import checks
from cairn.engine.program import Report
from cairn.score import STUDENT
from cairn.score.paired import PopulationRegret
from cairn.ued import taught
from cairn.ued.method import crowded, method
from cairn.ued.parts import State
from cairn.ued.roles import Problems


@dataclass(frozen=True)
class Config(taught.TaughtConfig):
    """Population PAIRED."""

    students: int = 2
    """n, how many learn from what the teacher designs: `student`, `student-2`, ..."""

    fixed_score: ClassVar[str] = "population-regret"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self, 2, "students")

    @property
    def players(self) -> tuple[str, ...]:
        """One role for each student; the first is whom tests are of."""
        return STUDENT, *(f"{STUDENT}-{number}" for number in range(2, self.students + 1))


def step(problems: Problems, config: Config, state: State) -> tuple[State, Report]:
    """The teacher designs levels; all students play them; the teacher is paid their regret."""
    return taught.cycle(problems, config, state, PopulationRegret(config.players))


METHOD = method(__doc__, Config, taught.begin, step, roles=taught.acting, adapts=crowded)
