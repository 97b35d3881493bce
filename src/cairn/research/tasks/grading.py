"""Calling a grader: in a process of its own, on files, with typed ends.

The candidate has ended and is not there any more. Its files were copied out of the jail into a
folder of the grader's; labels lie where no candidate could look. What the grader says comes in a
file, and a score counts only if it is finite: "reject if worse than" accepts NaN.
"""

import json
import logging
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cairn import jail
from cairn.core.redact import printable
from cairn.research.tasks import grader_process
from cairn.research.tasks.task import Split, Task

log = logging.getLogger(__name__)
KEPT = ("PATH", "LD_LIBRARY_PATH", "TZ")
"""Variables of the environment that a grader is given."""
MEMORY_MB, SPACE_MB, OUTPUT_KB = 8192, 1024, 4096
"""What a grader may use, besides what its task's candidates may write. It is the task's own code:
these end one that has gone astray."""
REPORT = "report.json"


@dataclass(frozen=True)
class Round:
    """What one run of the candidate left."""

    files: Mapping[str, bytes]
    seconds: float = 0.0
    """Wall time, as measured outside."""
    cpu_seconds: float = 0.0
    """Processor time, as measured outside; at most, where it cannot be known exactly."""


class Verdict(NamedTuple):
    """What a grader says."""

    outcome: str
    """"ok", "ask" (in rounds), "invalid"; "not_finite", "no_score" and "grader_error" are the
    grader's own failures."""
    score: float | None = None
    spread: float | None = None
    feedback: str = ""
    """For the researcher. Empty where the grader failed: that is not the candidate's bug."""
    ask: Mapping[str, str] = {}
    """Files of the next round."""


async def grade(task: Task, split_name: str, rounds: Sequence[Round]) -> Verdict:
    """The verdict on what a candidate left on a split.

    The grader runs under the jail's launcher, in tier 0: it reads what this process may, and
    whatever it starts ends with it, or after `task.grader.seconds`.
    """
    files = {
        f"{_folder(number)}/{name}": body
        for number, one in enumerate(rounds)
        for name, body in one.files.items()
    }
    order = _order(task, split_name, task.split(split_name), rounds)
    outcome = await jail.arun(
        # Neither the user's folder nor variables of Python's; -I would hide site-packages of a
        # user, which graders may need.
        [sys.executable, "-P", "-B", str(Path(grader_process.__file__).resolve()),
         "order.json", REPORT],
        files={**files, "order.json": json.dumps(order)},
        back=[REPORT],
        limits=jail.Limits(
            seconds=task.grader.seconds,
            cpu_seconds=task.grader.seconds * max(2, os.cpu_count() or 1),
            memory_mb=max(MEMORY_MB, task.bounds.memory_mb),
            disk_mb=SPACE_MB + task.bounds.disk_mb * max(1, len(rounds)),
            output_kb=OUTPUT_KB,
            processes=1024,
            open_files=1024,
        ),
        tier=0,
        env={name: os.environ[name] for name in KEPT if name in os.environ},
    )  # fmt: skip
    if outcome.kind == "timeout":
        return failed(task, f"took longer than {task.grader.seconds:g} s")
    if outcome.kind not in ("ok", "failed"):
        return failed(task, f"{outcome.kind}: {outcome.reason}")
    if REPORT not in outcome.files:
        said = outcome.stderr.strip().rpartition("\n")[2]
        return failed(task, f"ended without a verdict (status {outcome.exit_code}): {said}")
    return read_verdict(task, json.loads(outcome.files[REPORT]))


def read_verdict(task: Task, said: Mapping[str, Any]) -> Verdict:
    """The verdict in a grader's report."""
    feedback = str(said.get("feedback", ""))
    if "error" in said:
        return failed(task, f"{said['error']}\n{said.get('trace', '')}")
    if "invalid" in said:
        return Verdict("invalid", feedback=f"The result is not valid: {said['invalid']}")
    if "ask" in said:
        return Verdict("ask", ask=dict(said["ask"]), feedback=feedback)
    if said.get("score") is None:
        log.warning("The grader of task %s gave no score.", task.name)
        return Verdict("no_score")
    score = float(said["score"])
    if not math.isfinite(score):
        log.warning("The grader of task %s gave the score %s.", task.name, score)
        return Verdict("not_finite")
    spread = said.get("spread")
    spread = None if spread is None or not math.isfinite(float(spread)) else float(spread)
    return Verdict("ok", score, spread, feedback)


def failed(task: Task, why: str) -> Verdict:
    """A grader that could not grade: its words go to the log, and to no candidate."""
    log.warning("The grader of task %s failed: %s", task.name, printable(why, keep="\n"))
    return Verdict("grader_error")


def _folder(number: int) -> str:
    return f"round-{number}"


def _order(
    task: Task, split_name: str, split: Split, rounds: Sequence[Round]
) -> dict[str, Any]:  # fmt: skip
    entries = [
        {"folder": _folder(number), "seconds": one.seconds, "cpu_seconds": one.cpu_seconds}
        for number, one in enumerate(rounds)
    ]
    return {
        "form": task.grader.form, "grader": str(task.grader.file.absolute()),
        "function": task.grader.function, "answers": str(split.answers.absolute()),
        "split": split_name, "results": task.results, "rounds": entries,
        "path": [str(path.absolute()) for path in task.grader.path],
    }  # fmt: skip
