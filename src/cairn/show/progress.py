"""How open-ended a run was, drawn: students of all times on levels of all times."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from cairn.core.console import count
from cairn.report.data import Chart, Line
from cairn.report.pages import Heat, Square
from cairn.report.parts import Section, Words
from cairn.report.series import Band, Curve
from cairn.runs.open import open_run
from cairn.runs.progress import lacks, measure, summary
from cairn.show import curves, style
from cairn.show.subject import Subject

EPOCHS, LEVELS, ATTEMPTS = 6, 16, 8
"""What a look takes: a sixth of what `cairn progress` does."""
EXPLAINED = (
    "Each row is the student of a checkpoint, each column the levels that entered the archive in "
    "the time before the next one. Below the diagonal students play levels of their past: what "
    "fades from top to bottom is forgotten. Above it, levels of the future: where it is pale, what "
    "was made later could not be done before."
)


class Shown(NamedTuple):
    """A success matrix, and what follows from it over the run."""

    caption: str
    steps: Float[np.ndarray, " C"]
    success: Float[np.ndarray, "C E"]
    charts: tuple[Chart, ...]
    """Learned and forgotten by epoch; ANNECS."""


def applies(subject: Subject) -> str | None:
    """Whether there are checkpoints enough, and an archive whose levels were written down."""
    return "" if subject.archive is None or lacks(open_run(subject.directory.path)) else None


def data(subject: Subject) -> Shown:
    """Of one seed, with few attempts."""
    run = open_run(subject.directory.path)
    at = [subject.seed_index]
    found = summary(measure(run, at, epochs=EPOCHS, levels=LEVELS, attempts=ATTEMPTS))
    return shown(found, f"{subject.caption}; {LEVELS} levels of each epoch")


def shown(found: Mapping[str, Any], caption: str) -> Shown:
    """What `cairn.runs.progress` says, as arrays and charts."""
    steps = np.array(found["steps"], float)
    ends = steps[1:]
    by_epoch = Chart(
        "On each epoch's levels, since",
        tuple(_line(name, ends, found) for name in ("learned", "forgotten")),
        axis="steps at the end of the epoch",
    )
    made = Chart("ANNECS: novel levels made and solved", (_line("annecs", steps, found),))
    return Shown(caption, steps, np.array(found["success"], float), (by_epoch, made))


def draw(one: Shown, path: Path) -> Path:
    """The matrix, and the charts beside it."""
    made = style.figure(15, 5)
    style.heading(made, "Students of all times on levels of all times", one.caption)
    _matrix(made.add_axes((0.06, 0.13, 0.24, 0.64)), one)
    for place, chart in enumerate(one.charts):
        curves.draw_chart(made.add_axes((0.40 + 0.31 * place, 0.13, 0.26, 0.64)), chart, chart.axis)
    return style.save(made, path)


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The same as a section of a page."""
    one = data(subject)
    names = [f"to {count(step)}" for step in one.steps[1:]]
    rows = [
        (
            f"student at {count(step)}",
            [
                Square("" if np.isnan(rate) else f"{rate:.2f}", f"levels {name}", _share(rate))
                for name, rate in zip(names, row, strict=True)
            ],
        )
        for step, row in zip(one.steps, one.success, strict=True)
    ]
    heat = Heat(f"Success. {one.caption}.", "student \\ levels made", names, rows)
    return Section(
        "progress", "Students and levels of all times", (Words(EXPLAINED), heat, *one.charts)
    )


def _share(rate: float) -> float | None:
    return None if np.isnan(rate) else float(rate)


def _line(name: str, steps: np.ndarray, found: Mapping[str, Any]) -> Line:
    value = np.array(found[name], float)
    low, high = (np.array(end, float) for end in found[f"{name}_interval"])
    label = {"annecs": "novel when made, solved since"}.get(name, name)
    return Line(label, Curve(steps[:, None], value[:, None]), Band(steps, value, low, high))


def _matrix(axes: Axes, one: Shown) -> None:
    style.panel(axes, "Success")
    picture = axes.imshow(np.ma.masked_invalid(one.success), vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(one.steps) - 1), [count(step) for step in one.steps[1:]])
    axes.set_yticks(range(len(one.steps)), [count(step) for step in one.steps])
    axes.set_xlabel("levels made up to (steps)", color=style.SOFT, fontsize=9)
    axes.set_ylabel("student at (steps)", color=style.SOFT, fontsize=9)
    axes.tick_params(axis="x", labelrotation=45)
    axes.grid(visible=False)
    for (row, column), rate in np.ndenumerate(one.success):
        if not np.isnan(rate):
            ink = "white" if rate < 0.6 else "black"
            axes.text(column, row, f"{rate:.2f}", ha="center", va="center", color=ink, fontsize=7)
    axes.figure.colorbar(picture, cax=axes.inset_axes((1.03, 0, 0.04, 1)))
