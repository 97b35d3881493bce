"""How open-ended a run was as a picture, drawn by Matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cairn.core.console import count
from cairn.show import curves, style
from cairn.show.progress import TITLE, caption, charts, success


def draw(report: dict[str, Any], path: Path) -> Path:
    """The matrix, and the charts beside it."""
    made = style.figure(15, 5)
    style.heading(made, TITLE, caption(report))
    _matrix(made.add_axes((0.06, 0.13, 0.24, 0.64)), report)
    for place, chart in enumerate(charts(report)):
        curves.draw_chart(made.add_axes((0.40 + 0.31 * place, 0.13, 0.26, 0.64)), chart, chart.axis)
    return style.save(made, path)


def _matrix(axes: Axes, report: dict[str, Any]) -> None:
    style.panel(axes, "Success")
    rates, steps = success(report), [count(step) for step in report["steps"]]
    picture = axes.imshow(np.ma.masked_invalid(rates), vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(steps) - 1), steps[1:])
    axes.set_yticks(range(len(steps)), steps)
    axes.set_xlabel("levels made up to (steps)", color=style.SOFT, fontsize=9)
    axes.set_ylabel("student at (steps)", color=style.SOFT, fontsize=9)
    axes.tick_params(axis="x", labelrotation=45)
    axes.grid(visible=False)
    for (row, column), rate in np.ndenumerate(rates):
        if not np.isnan(rate):
            ink = "white" if rate < 0.6 else "black"
            axes.text(column, row, f"{rate:.2f}", ha="center", va="center", color=ink, fontsize=7)
    axes.figure.colorbar(picture, cax=axes.inset_axes((1.03, 0, 0.04, 1)))
