"""What a search has come to so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cairn.tuning.search import Score, worth
from cairn.tuning.space import Values
from cairn.tuning.work import COMPILING, Ledger, Line, Progress, Show

Schedule = list[tuple[int, Values]]
"""Settings, and the steps up to which they hold: one entry but for a population's members."""


class Trial(NamedTuple):
    """Settings and what they came to, over all tuning seeds."""

    number: int
    rung: int
    """The higher, the longer it was trained."""
    schedule: Schedule
    scores: list[Score]
    """By seed."""
    score: Score
    """Their mean."""
    failed: str | None
    ledger: Ledger
    cost: int


@dataclass
class Standing:
    """Trials, the budget, and who hears of them."""

    budget: int
    show: Show
    done: Callable[[], int]
    """Trainings on file."""
    trials: list[Trial] = field(default_factory=list)
    spent: int = 0
    trajectory: list[tuple[int, float]] = field(default_factory=list)
    """(spent, best score so far at the longest training so far), whenever that changes."""

    def affordable(self, costs: Sequence[int]) -> int:
        """How many of the trials, in order, the rest of the budget bears."""
        left, number = self.budget - self.spent, 0
        for cost in costs:
            left -= cost
            if left < 0:
                break
            number += 1
        return number

    def price(self, steps: int) -> int:
        """The most that a trial of so many steps has cost; 0 if there was none."""
        return max((one.cost for one in self.trials if one.schedule[-1][0] == steps), default=0)

    def add(self, trial: Trial) -> None:
        """A finished trial."""
        self.trials.append(trial)
        self.spent += trial.cost
        best = self.best(1)
        if best and best[0].score is not None:
            now = best[0].score
            if not self.trajectory or self.trajectory[-1][1] != now:
                self.trajectory.append((self.spent, now))

    def best(self, number: int) -> list[Trial]:
        """The best trials of the longest training there was; of equal ones the earlier."""
        known = [trial for trial in self.trials if trial.score is not None]
        longest = max((trial.rung for trial in known), default=0)
        full = [trial for trial in known if trial.rung == longest]
        ordered = sorted(full, key=lambda trial: -worth(trial.score))
        different: list[Trial] = []
        for trial in ordered:
            if all(trial.schedule != other.schedule for other in different):
                different.append(trial)
        return different[:number]

    def hear(self, what: str, line: Line) -> None:
        """A training has ended."""
        self._tell(what, line["score"])

    def compiling(self) -> None:
        """A program is about to be compiled."""
        self._tell(COMPILING, None)

    def _tell(self, what: str, score: Score) -> None:
        best = self.best(1)
        top = best[0].score if best else None
        self.show(Progress(what, score, top, self.spent, self.budget, self.done()))
