"""Calling a grader: in a process of its own, on files, with typed ends.

The candidate has ended and is not there any more. Its files were copied out of the jail into a
folder of the grader's; labels lie where no candidate could look. What the grader says comes in a
file, and a score counts only if it is finite: "reject if worse than" accepts NaN.
"""

import asyncio
import json
import logging
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.redact import printable
from cairn.research.tasks import grader_process
from cairn.research.tasks.task import Split, Task

log = logging.getLogger(__name__)
KEPT = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ")
"""Variables of the environment that a grader is given."""
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Round:
    """What one run of the candidate left."""

    files: Mapping[str, bytes]
    seconds: float = 0.0
    """Wall time, as measured outside."""
    cpu_seconds: float = 0.0
    """Processor time, as measured outside."""


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
    """The verdict on what a candidate left on a split."""
    return await asyncio.to_thread(_grade, task, split_name, rounds)


def _grade(task: Task, split_name: str, rounds: Sequence[Round]) -> Verdict:
    split = task.split(split_name)
    with tempfile.TemporaryDirectory(prefix="cairn-grade-") as temporary:
        home = Path(temporary)
        order = _order(home, task, split_name, split, rounds)
        report = home / "report.json"
        script = str(Path(grader_process.__file__).resolve())
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | THREADS
        try:
            done = subprocess.run(
                # Neither the user's folder nor variables of Python's; -I would hide site-packages
                # of a user, which graders may need.
                [sys.executable, "-P", "-B", script, str(order), str(report)],
                cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, timeout=task.grader.seconds, start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return failed(task, f"took longer than {task.grader.seconds:g} s")
        if not report.is_file():
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            return failed(task, f"ended without a verdict (status {done.returncode}): {said}")
        return read_verdict(task, json.loads(report.read_text()))


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


def _order(
    home: Path, task: Task, split_name: str, split: Split, rounds: Sequence[Round]
) -> Path:  # fmt: skip
    entries = []
    for number, one in enumerate(rounds):
        folder = home / f"round-{number}"
        folder.mkdir()
        for name, body in one.files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
        entry = {"folder": str(folder), "seconds": one.seconds, "cpu_seconds": one.cpu_seconds}
        entries.append(entry)
    order = home / "order.json"
    order.write_text(json.dumps({
        "form": task.grader.form, "grader": str(task.grader.file),
        "function": task.grader.function, "answers": str(split.answers), "split": split_name,
        "results": task.results, "rounds": entries, "path": [str(p) for p in task.grader.path],
    }))  # fmt: skip
    return order
