"""Evaluators in stages: what fails a cheap one never costs the dear one (as OpenEvolve)."""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.core.errors import ConfigError
from cairn.lm.client import Clients
from cairn.research.evaluation import Evaluator, Graded

PASSED = "cascade"
"""Outcome of an artefact that did not pass a stage."""


@dataclass(frozen=True)
class Cascade:
    """Runs evaluators from the cheapest to the one whose score counts.

    An artefact that stays below a stage's threshold, in that stage's own direction, gets no score
    (scores of different stages could not be compared) and its feedback says why.
    """

    stages: Sequence[tuple[Evaluator, float]]
    """Those before the last, each with its threshold."""
    last: Evaluator

    def __post_init__(self):
        if not self.stages:
            raise ConfigError("a Cascade needs at least one stage before the last.")

    @property
    def larger_is_better(self) -> bool:
        """Of the last one's score."""
        return self.last.larger_is_better

    async def __call__(self, text: str, split: str, clients: Clients) -> Graded:
        """The last stage's grade, or why it was not reached. Seconds are of all stages."""
        seconds = cpu_seconds = 0.0
        for number, (evaluator, threshold) in enumerate(self.stages, 1):
            graded = await evaluator(text, split, clients)
            seconds, cpu_seconds = seconds + graded.seconds, cpu_seconds + graded.cpu_seconds
            if graded.score is None:
                return graded._replace(seconds=seconds, cpu_seconds=cpu_seconds)
            short = graded.score - threshold
            # Not "worse than": every comparison with NaN is false.
            if not (short >= 0 if evaluator.larger_is_better else short <= 0):
                said = f"Stage {number}: {graded.score:.6g}, but {threshold:.6g} is needed."
                return graded._replace(
                    score=None, spread=None, outcome=PASSED, parts=(), seconds=seconds,
                    cpu_seconds=cpu_seconds, feedback=f"{said}\n{graded.feedback}".strip(),
                )  # fmt: skip
        graded = await self.last(text, split, clients)
        return graded._replace(
            seconds=seconds + graded.seconds, cpu_seconds=cpu_seconds + graded.cpu_seconds
        )
