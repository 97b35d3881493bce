"""The audit of a run's scores as a picture, drawn by Matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cairn.runs.audit import newest, score_name
from cairn.show import style
from cairn.show.audit import caption, charts
from cairn.show.curves import draw_chart


def draw(report: dict[str, Any], path: Path) -> Path:
    """Correlations of the newest checkpoint with intervals; below them, over the run."""
    sources = newest(report)
    truths = [*next(iter(sources.values()))["truth"]] if sources else []
    over = charts(report) if len(report["checkpoints"]) > 1 else []
    columns = max(2, len(truths))
    rows = 1 + -(-len(over) // columns)
    made = style.figure(6.2 * columns, 1.6 + 3.6 * rows)
    style.heading(made, "How good its scores are", caption(report))
    height = made.get_figheight()
    areas = made.add_gridspec(
        rows, columns, left=0.16, right=0.98, top=1 - 1.5 / height, bottom=0.6 / height,
        wspace=0.42, hspace=0.5,
    )  # fmt: skip
    for place, truth in enumerate(truths):
        _dots(made.add_subplot(areas[0, place]), report, sources, truth)
    for number, chart in enumerate(over):
        place = made.add_subplot(areas[1 + number // columns, number % columns])
        draw_chart(place, chart)
    return style.save(made, path)


def _dots(axes: Axes, report: dict[str, Any], sources: dict[str, Any], truth: str) -> None:
    style.panel(axes, f"Spearman's ρ with {truth}")
    names = list(dict.fromkeys(name for one in sources.values() for name in one["scores"]))
    for index, (source, figures) in enumerate(sources.items()):
        colour = style.SERIES[index % len(style.SERIES)]
        shift = 0.18 * (index - (len(sources) - 1) / 2)
        places = [i - shift for i, name in enumerate(names) if name in figures["scores"]]
        found = [
            figures["scores"][name][truth]["spearman"]
            for name in names
            if name in figures["scores"]
        ]
        values = np.array([one["value"] for one in found], np.float64)
        ends = np.array([one["interval"] for one in found], np.float64)
        axes.hlines(places, ends[:, 0], ends[:, 1], color=colour, linewidth=1.6, alpha=0.6)
        axes.plot(values, places, "o", color=colour, markersize=5, label=f"{source} levels")
    axes.axvline(0, color=style.SOFT, linewidth=0.8)
    axes.set_xlim(-1.05, 1.05)
    axes.set_yticks(range(len(names)), [score_name(name, report) for name in names])
    axes.tick_params(axis="y", labelcolor=style.INK, length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="best")
