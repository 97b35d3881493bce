"""Grading by a benchmark's own evaluation script, which prints one JSON object.

The script runs in the jail, on files that the candidate left, once the candidate has ended; the
labels are shown to it alone. What it printed last is read: some print a marker line first.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cairn import jail
from cairn.research.tasks.grading import Round, Verdict, failed, read_verdict
from cairn.research.tasks.task import Task


async def grade_by_script(
    task: Task, split_name: str, rounds: Sequence[Round], *, tier: int | None = None
) -> Verdict:
    """The verdict of the task's script on what a candidate left on a split."""
    grader, split = task.grader, task.split(split_name)
    files: dict[str, bytes | str | Path] = {**task.support, **rounds[-1].files}
    files[grader.file.name] = grader.file  # never the candidate's own file of that name
    readonly = {"data": split.answers} if split.answers.is_dir() else {}
    given = sum(path.stat().st_size for path in (*task.support.values(), grader.file))
    outcome = await jail.arun(
        ["python", grader.file.name, *grader.arguments],
        files=files,
        readonly=readonly,
        limits=jail.Limits(
            seconds=grader.seconds,
            memory_mb=task.bounds.memory_mb,
            disk_mb=64 + task.bounds.disk_mb + given // 2**20,
        ),
        tier=tier,
    )
    if outcome.kind == "jail_error":  # no fault of the candidate, which has run
        return failed(task, f"its script was not run: {outcome.reason}")
    if outcome.kind != "ok":
        said = f"{outcome.stdout}\n{outcome.stderr}".strip()
        return failed(task, f"{outcome.kind}: {outcome.reason}\n{said}")
    found = last_object(outcome.stdout)
    if found is None:
        return failed(task, "its script printed no JSON object")
    value = found.get(grader.key) if grader.key in found else next(iter(found.values()), None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return failed(task, f"its script printed {json.dumps(found)[:200]}: no number")
    try:
        return read_verdict(task, {"score": repr(float(value))})
    except OverflowError:
        return failed(task, "its script printed a whole number that is too large")


def last_object(printed: str) -> Mapping[str, Any] | None:
    """The last JSON object in a text; None without one."""
    decoder, end = json.JSONDecoder(), len(printed)
    while (start := printed.rfind("{", 0, end)) >= 0:
        try:
            found, stop = decoder.raw_decode(printed, start)
        except ValueError:
            end = start
            continue
        # An object within another ends before its closing bracket: go on outwards.
        if printed[start:stop] and not printed[stop:].lstrip().startswith(("}", ",", "]")):
            return found
        end = start
    return None
