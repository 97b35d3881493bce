"""How artefacts are scored: a grader out of the candidate's reach, on splits of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from cairn.lm.client import Clients

Split = Literal["search", "selection", "test"]
"""What a score is of. "search" drives the search; "selection" is looked at once, to choose the
final node; "test" once, for the report. Labels of all three stay with the grader (AIRA₂)."""


class Graded(NamedTuple):
    """What a grader says of one artefact."""

    score: float | None
    """In the task's own direction and unit; None where there is none."""
    outcome: str
    """"ok"; else the jail's kind ("timeout", "memory", …), or "invalid" for a result that the
    grader could not accept. "jail_error" is ours and is never shown to a model."""
    feedback: str
    """What operators may see: output, the error. Trimmed by whoever shows it."""
    spread: float | None = None
    """Standard error of the score, if known."""
    seconds: float = 0.0
    """Wall time of the execution."""
    artefacts: Mapping[str, str] = {}
    """Further texts for operators by name: a profile, a trace."""
    cpu_seconds: float = 0.0
    """Processor time of the execution."""
    parts: Sequence[float] = ()
    """Scores of single examples, if the score is made of several; always of the same ones, in the
    same order. For policies that keep a Pareto front over examples."""


@runtime_checkable
class Evaluator(Protocol):
    """Scores artefacts. What it gives for one text and split may be noisy, never self-reported."""

    @property
    def larger_is_better(self) -> bool:
        """Of the score."""
        ...

    async def __call__(self, text: str, split: str, clients: Clients) -> Graded:
        """The score of `text` on a split. Every failure of the candidate is an outcome and none is
        raised; a CairnError is a mistake that somebody must mend, and stops the run."""
        ...


@dataclass(frozen=True)
class Problem:
    """What a search works on: a task in words, a grader, and perhaps a first artefact."""

    name: str
    description: str
    """All that operators are told of the task."""
    evaluator: Evaluator
    language: str = "python"
    """Of the artefacts: "python" is parsed before it is run; "text" is anything."""
    initial: str = ""
    """An artefact to begin with: it becomes the first draft. "" for none."""
    splits: tuple[str, ...] = ("search",)
    """What the evaluator can score besides: of `Split`."""
    fingerprint: str = ""
    """Names grader, data and limits: a run is tied to it, and refused with another."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Most that one evaluation may use: `seconds` of wall time, `cpu_seconds`, `memory_mb`."""
