"""How open-ended a run was (`cairn progress`): a matrix of success and curves."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from cairn.core.console import count
from cairn.report.data import Chart, Line
from cairn.report.pages import Heat, Square
from cairn.report.parts import Section, Words
from cairn.report.series import Band, Curve
from cairn.runs.progress import RESULT
from cairn.show import kept
from cairn.show.subject import Subject

TITLE = "Students and levels of all times"
EXPLAINED = (
    "Each row is the student of a checkpoint, each column the levels that entered the archive in "
    "the time before the next one. Below the diagonal students play levels of their past: what "
    "fades from top to bottom is forgotten. Above it, levels of the future: where it is pale, what "
    "was made later could not be done before."
)
LABELS = {
    "learned": "learned since",
    "forgotten": "lost again",
    "annecs": "novel when made, solved since",
}


def applies(subject: Subject) -> str | None:
    """Whether somebody has measured it."""
    return kept.applies(subject, RESULT)


def data(subject: Subject) -> dict[str, Any]:
    """The newest result. Raises RunError if its file is broken."""
    return kept.read(subject, RESULT, "progress", "cairn progress", charts)


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The matrix as a table, and the curves."""
    report = data(subject)
    steps = [count(step) for step in report["steps"]]
    rows = [
        (
            f"student at {step}",
            [_square(rate, end) for rate, end in zip(row, steps[1:], strict=True)],
        )
        for step, row in zip(steps, success(report), strict=True)
    ]
    columns = [f"to {step}" for step in steps[1:]]
    heat = Heat(f"Success. {caption(report)}", "student \\ levels made", columns, rows)
    return Section("progress", TITLE, (Words(EXPLAINED), heat, *charts(report)))


def caption(report: Mapping[str, Any]) -> str:
    """What was done."""
    return (
        f"{report['method']} on {report['environment']}, {len(report['seeds'])} seeds; up to "
        f"{report['levels']} levels of each epoch, {report['attempts']} attempts at each, 95 % "
        f"intervals over {report['interval_over']}."
    )


def success(report: Mapping[str, Any]) -> Float[np.ndarray, "C E"]:
    """Of students (rows) on levels (columns); NaN where an epoch has none."""
    return np.array(report["success"], float)


def charts(report: Mapping[str, Any]) -> tuple[Chart, ...]:
    """Learned and forgotten by epoch; ANNECS."""
    steps = np.array(report["steps"], float)
    by_epoch = tuple(_line(name, steps[1:], report) for name in ("learned", "forgotten"))
    return (
        Chart("Success on each epoch's levels", by_epoch, axis="steps at the end of the epoch"),
        Chart("ANNECS: novel levels made and solved", (_line("annecs", steps, report),)),
    )


def _square(rate: float, end: str) -> Square:
    if np.isnan(rate):
        return Square("", f"no levels to {end}")
    return Square(f"{rate:.2f}", f"levels to {end}", float(rate))


def _line(name: str, steps: np.ndarray, report: Mapping[str, Any]) -> Line:
    value = np.array(report[name], float)
    low, high = (np.array(end, float) for end in report[f"{name}_interval"])
    return Line(LABELS[name], Curve(steps[:, None], value[:, None]), Band(steps, value, low, high))
