"""One evaluation, paid once: done under the books, written down before anyone sees it, checked."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core import files
from cairn.core.budget import Amount
from cairn.core.desk import NotDoneError
from cairn.core.errors import CairnError
from cairn.core.redact import printable
from cairn.lm.client import Clients
from cairn.lm.errors import TrialFailedError
from cairn.research.evaluation import Graded, Problem
from cairn.research.grades import BadGraderError, checked

ROLE = "grader"
"""Whose budget evaluations draw on."""
ATTEMPTS = 2
"""How often an evaluation is tried that a fault of ours kept from its end."""
Timed = Callable[[Mapping[str, Any]], None]
"""Told of each evaluation that was done in this session: name, split, began, seconds, outcome."""


class JailBrokenError(TrialFailedError):
    """The jail did not work: nothing is known of the artefact."""


def digest(text: str) -> str:
    """Names an artefact."""
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()


class Watch(NamedTuple):
    """What a run does besides with its evaluations."""

    timed: Timed | None = None
    kept: Path | None = None
    """A folder in which a result lies from the moment it is there until the journal has it: so
    that an evaluation that ended in the milliseconds before a kill is not done again either."""


async def grade(
    problem: Problem,
    text: str,
    split: str,
    clients: Clients,
    watch: Watch = Watch(),  # noqa: B008 (a tuple)
) -> Graded:
    """What the problem's grader says; from the journal, if it said so before.

    A score that is not finite is no score ("invalid"). Raises JailBrokenError and GraderError,
    which end the trial; a CairnError of the grader itself stops the run.
    """
    what, broken = f"{split} {digest(text)}", ""
    trial, stage, _ = clients.place
    kept = watch.kept and watch.kept / f"{digest(f'{stage} {trial} {what}')}.json"

    async def work() -> tuple[str, Amount]:
        if kept and kept.exists():
            told = kept.read_text(encoding="utf-8")
            return told, used(read(told))
        graded = await _grade(problem, text, split, clients, watch.timed)
        told = json.dumps({**graded._asdict(), "artefacts": dict(graded.artefacts)}, sort_keys=True)
        if kept:
            files.write_private(kept, told)
        return told, used(graded)

    for _ in range(ATTEMPTS):
        try:
            told = await clients.once(ROLE, what, _reserved(problem), work)
            if kept and kept.exists():
                # `once` gives a result that is not saved yet: till then the file is all there is.
                await clients.desk.journal.saved()
                kept.unlink(missing_ok=True)
            return read(told)
        except _BrokenError as error:
            broken = str(error)
    raise JailBrokenError(broken)


class _BrokenError(NotDoneError):
    """The jail's fault."""


async def _grade(
    problem: Problem, text: str, split: str, clients: Clients, timed: Timed | None
) -> Graded:
    began = time.time()
    try:
        graded = await problem.evaluator(text, split, clients)
    except CairnError:
        raise
    except Exception as error:
        words = printable(f"{type(error).__name__}: {error}")[:300]
        raise BadGraderError(f"the grader of {problem.name} raised {words}") from error
    graded = checked(problem, graded)
    if graded.outcome == "jail_error":
        raise _BrokenError(graded.feedback, used(graded))
    if timed is not None:
        trial, stage, _ = clients.place
        timed({"trial": trial, "stage": stage, "split": split, "began": began,
               "seconds": time.time() - began, "outcome": graded.outcome})  # fmt: skip
    return graded


def used(graded: Graded) -> Amount:
    """What an evaluation took."""
    return Amount(cpu_ms=round(1000 * graded.cpu_seconds), wall_ms=round(1000 * graded.seconds))


def _reserved(problem: Problem) -> Amount:
    limits = problem.limits
    return Amount(
        cpu_ms=math.ceil(1000 * limits.get("cpu_seconds", 0)),
        wall_ms=math.ceil(1000 * limits.get("seconds", 0)),
        memory_mb=math.ceil(limits.get("memory_mb", 0)),
    )


def read(told: str) -> Graded:
    """The grade in a journal's text."""
    return Graded(**json.loads(told))
