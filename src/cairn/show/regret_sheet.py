"""The lower bounds of a run's regret as a picture, drawn by Matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cairn.show import style
from cairn.show.colours import BLUE, GREEN, ORANGE
from cairn.show.regret import caption


def draw(report: dict[str, Any], path: Path) -> Path:
    """The levels of each source, by what the student reaches: student, copy, best if known."""
    sources = report["sources"]
    made = style.figure(max(6.4, 5.6 * len(sources)), 4.6)
    style.heading(made, "A lower bound of its regret", caption(report))
    areas = made.add_gridspec(1, len(sources), left=0.09, right=0.98, top=0.7, bottom=0.12)
    for place, (name, one) in enumerate(sources.items()):
        _levels(made.add_subplot(areas[0, place]), name, one)
    return style.save(made, path)


def _levels(axes: Axes, name: str, one: dict[str, Any]) -> None:
    style.panel(axes, f"{name} levels: bound {one['bound']['value']:.3f} in the mean")
    rows = sorted(one["by_level"], key=lambda row: (row["student"], row["copy"]))
    places = np.arange(len(rows))
    student, copy = (np.array([row[who] for row in rows]) for who in ("student", "copy"))
    axes.vlines(places, student, copy, color=ORANGE, linewidth=2, alpha=0.6)
    axes.plot(places, student, "o", color=BLUE, markersize=5, label="student")
    axes.plot(places, copy, "o", color=ORANGE, markersize=5, label="its copy")
    if "regret" in one:
        best = student + np.array([row["regret"] for row in rows])
        axes.plot(places, best, "_", color=GREEN, markersize=11, label="best there is")
    axes.set_xticks([])
    axes.set_xlabel("levels, by the student's return", color=style.SOFT, fontsize=9)
    axes.set_ylabel("return", color=style.SOFT, fontsize=9)
    axes.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="best")
