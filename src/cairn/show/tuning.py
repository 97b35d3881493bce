"""A search drawn: its best score over cost, and a panel for every parameter."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cairn.show import style

COLUMNS = 3
LONGEST = 48
"""Letters of a title."""


def draw(result: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write the picture of a search's result and of its finished trainings."""
    tried = trials(lines)
    names = list(result["space"])
    rows = -(-(1 + len(names)) // COLUMNS)
    made = style.figure(4.6 * COLUMNS, 1.0 + 3.1 * rows)
    style.heading(
        made, f"{result['method']} on {result['task']}: {result['tuner']}", caption(result)
    )
    height = made.get_figheight()
    areas = made.add_gridspec(
        rows, COLUMNS, left=0.06, right=0.985, top=1 - 1.2 / height, bottom=0.6 / height,
        wspace=0.24, hspace=0.5,
    )  # fmt: skip
    places = [made.add_subplot(areas[i // COLUMNS, i % COLUMNS]) for i in range(1 + len(names))]
    _over_cost(places[0], result)
    for place, name in zip(places[1:], names, strict=True):
        _parameter(place, name, result, tried)
    return style.save(made, path)


def trials(lines: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], float, int]]:
    """(settings, mean score over seeds, steps) of every trial whose seeds all have a score."""
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for line in lines:
        if line["phase"] not in ("incumbent", "default"):
            found.setdefault((line["phase"], line["number"]), []).append(line)
    return [
        (own[0]["values"], float(np.mean([line["score"] for line in own])),
         own[0].get("until", own[0]["steps"]))
        for own in found.values()
        if all(line["score"] is not None for line in own)
    ]  # fmt: skip


def caption(result: Mapping[str, Any]) -> str:
    """What the scores are, and what was spent."""
    by, cost = result["scored_by"], result["cost"]
    what = by.get("metric") or f"{by['measure']} on {by['levels']} levels of {by['suite']}"
    return (
        f"Score: {what}; {len(result['tuning_seeds'])} tuning seeds; {result['trials']} trials, "
        f"{cost['spent']:,} {cost['unit']}. Darker: trained longer. The cross is the best."
    )


def _over_cost(axes: Axes, result: Mapping[str, Any]) -> None:
    style.panel(axes, "Best score over cost")
    points = np.array(result["trajectory"], float).reshape(-1, 2)
    if len(points):
        cost = np.append(points[:, 0], max(result["cost"]["spent"], points[-1, 0]))
        best = np.append(points[:, 1], points[-1, 1])
        axes.step(cost, best, where="post", color=style.BLUE, linewidth=2.2)
    for place, found in enumerate(result["incumbents"]):
        if found["test"]["score"] is not None:
            label = "test seeds and levels" if place == 0 else None
            axes.axhline(found["test"]["score"], color=style.ORANGE, linestyle="--", label=label)
    if result["default"] and result["default"]["test"]["score"] is not None:
        score = result["default"]["test"]["score"]
        axes.axhline(score, color=style.SOFT, linestyle=":", label="settings it began with, test")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, labelcolor=style.INK)
    style.steps_axis(axes, result["cost"]["unit"])


def _parameter(axes: Axes, name: str, result: Mapping[str, Any], tried: Sequence[Any]) -> None:
    style.panel(axes, name if len(name) <= LONGEST else f"…{name[-LONGEST:]}")
    described = result["space"][name]
    best = result["incumbents"][0]["values"] if result["incumbents"] else {}
    place = float
    if isinstance(described, list):
        place = lambda value: float(described.index(value))  # noqa: E731
        axes.set_xticks(range(len(described)), [str(option) for option in described])
    elif described["log"]:
        axes.set_xscale("log")
    longest = max((steps for *_, steps in tried), default=1)
    for values, score, steps in tried:
        alpha = 0.15 + 0.75 * steps / longest
        axes.plot(place(values[name]), score, "o", color=style.BLUE, alpha=alpha, markersize=5,
                  markeredgewidth=0)  # fmt: skip
    if name in best:
        score = result["incumbents"][0]["tuning"]["score"]
        axes.plot(place(best[name]), score, "x", color=style.RED, markersize=9, markeredgewidth=2)
