"""What a grader may say: checked before it is written down, so that what is wrong is said once."""

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from cairn.core.desk import NotDoneError
from cairn.lm.errors import TrialFailedError
from cairn.research.evaluation import Graded, Problem


class GraderError(TrialFailedError):
    """The grader raised, or gave nothing that could be a grade."""


class BadGraderError(NotDoneError, GraderError):
    """The grader's fault: its own words are in the message."""


def checked(problem: Problem, graded: object) -> Graded:
    """The grade, of plain values that the journal can hold. Raises GraderError for what is none.

    A score that is not finite is no score: the artefact is "invalid".
    """
    if not isinstance(graded, Graded):
        got = "nothing" if graded is None else type(graded).__name__
        raise BadGraderError(f"the grader of {problem.name} must give a Graded, got {got}")
    _check_words(problem, graded)
    graded = graded._replace(
        artefacts=dict(graded.artefacts),
        seconds=_time(problem, "seconds", graded.seconds),
        cpu_seconds=_time(problem, "cpu_seconds", graded.cpu_seconds),
    )
    for name in ("score", "spread"):
        value = getattr(graded, name)
        if value is None:
            continue
        if not _is_number(value):
            raise _wrong(problem, f"a number as its {name}", value)
        graded = graded._replace(**{name: _float(value)})
    # isfinite first: every comparison with NaN is false, so it would pass any "reject if".
    if graded.score is not None and not math.isfinite(graded.score):
        said = f"{graded.feedback}\nThe score is not a finite number.".strip()
        return graded._replace(score=None, spread=None, outcome="invalid", feedback=said, parts=())
    graded = graded._replace(parts=_parts(problem, graded.parts))
    if graded.spread is not None and not (math.isfinite(graded.spread) and graded.spread >= 0):
        graded = graded._replace(spread=None)
    if graded.score is None and graded.outcome == "ok":
        return graded._replace(outcome="invalid")
    return graded if graded.outcome == "ok" else graded._replace(score=None, spread=None, parts=())


def _check_words(problem: Problem, graded: Graded) -> None:
    """Its texts."""
    for name in ("outcome", "feedback"):
        if not isinstance(value := getattr(graded, name), str):
            raise _wrong(problem, f"a string as its {name}", value)
    artefacts: object = graded.artefacts
    if not isinstance(artefacts, Mapping):
        raise _wrong(problem, "a table of texts as its artefacts", artefacts)
    for name, text in artefacts.items():
        if not (isinstance(name, str) and isinstance(text, str)):
            odd = text if isinstance(name, str) else name
            raise _wrong(problem, "texts by name as its artefacts", odd)


def _time(problem: Problem, name: str, value: object) -> float:
    if not _is_number(value):
        raise _wrong(problem, f"a number as its {name}", value)
    seconds = _float(value)
    if not 0 <= seconds < math.inf:
        raise BadGraderError(f"the grader of {problem.name} gave {name} of {seconds}")
    return seconds


def _parts(problem: Problem, parts: object) -> list[float]:
    if isinstance(parts, str | bytes | Mapping) or not isinstance(parts, Iterable):
        raise _wrong(problem, "a list of numbers as its parts", parts)
    found = []
    for part in parts:
        if not _is_number(part):
            raise _wrong(problem, "numbers as its parts", part)
        found.append(_float(part))
    if not all(map(math.isfinite, found)):
        raise BadGraderError(f"the grader of {problem.name} gave parts that are not finite")
    return found


def _is_number(value: object) -> bool:
    """NumPy's numbers are Real too; a bool is none here, though Python counts it as an int."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _wrong(problem: Problem, wanted: str, got: object) -> BadGraderError:
    kind = "nothing" if got is None else type(got).__name__
    return BadGraderError(f"the grader of {problem.name} must give {wanted}, got {kind}")


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
