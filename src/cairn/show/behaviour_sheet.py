"""The report of a run's behaviour as a picture, drawn by Matplotlib."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from cairn.runs.behaviour import WHO
from cairn.show import style
from cairn.show.behaviour import caption

DRIFT = (("entropy", "entropy, nats"), ("length", "tokens"), ("kl_to_start", "KL, nats"))
LOOK: dict[str, dict[str, Any]] = {
    "model": {"linestyle": "-"},
    "start": {"linestyle": "--", "alpha": 0.7},
}


def draw(report: dict[str, Any], path: Path) -> Path:
    """Passes among k answers; how different answers are; how far it went from its start."""
    made = style.figure(13.5, 5.0)
    style.heading(made, "How its model answers", caption(report))
    areas = made.add_gridspec(
        1, 3, left=0.05, right=0.985, top=0.72, bottom=0.13, wspace=0.3, width_ratios=(1.2, 1, 1)
    )
    _passes(made.add_subplot(areas[0, 0]), report)
    _diversity(made.add_subplot(areas[0, 1]), report)
    _drift(made.add_subplot(areas[0, 2]), report)
    return style.save(made, path)


def _passes(axes: Axes, report: dict[str, Any]) -> None:
    style.panel(axes, "pass@k")
    ks = [int(name[5:]) for name in _figures(report) if name.startswith("pass@")]
    for split, colour in zip(_splits(report), style.SERIES, strict=False):
        for who in WHO:
            found = [report[who]["splits"][split][f"pass@{k}"] for k in ks]
            label = f"{split}, {who}"
            axes.plot(
                ks, [one["value"] for one in found], color=colour, marker="o", markersize=4,
                label=label, **LOOK[who],
            )  # fmt: skip
            if who == "model":
                low, high = np.array([one["interval"] for one in found], np.float64).T
                axes.fill_between(ks, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_xticks(ks, [str(k) for k in ks])
    axes.set_xlabel("k answers", color=style.SOFT, fontsize=9)
    axes.set_ylim(-0.03, 1.03)
    axes.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="best")


def _diversity(axes: Axes, report: dict[str, Any]) -> None:
    style.panel(axes, "How different answers are")
    names = {
        "diversity_per_input": "n-grams,\nto one problem",
        "diversity_across_input": "n-grams,\nacross problems",
        "distinct_valid": "correct solutions\nof all answers",
    }

    def scaled(who: str, split: str, name: str) -> float:
        value = report[who]["splits"][split][name]["value"]
        size = report["answers"] if name == "distinct_valid" else 1
        return float("nan") if value is None else value / size

    _bars(axes, report, list(names.values()), [*names], scaled)


def _drift(axes: Axes, report: dict[str, Any]) -> None:
    style.panel(axes, "How far it is from its start")
    largest = {
        name: max(
            (report[who]["splits"][split][name]["value"] or 0.0)
            for who in WHO
            for split in _splits(report)
        )
        for name, _ in DRIFT
    }

    def scaled(who: str, split: str, name: str) -> float:
        value = report[who]["splits"][split][name]["value"]
        return float("nan") if value is None else value / (largest[name] or 1.0)

    labels = [f"{unit}\n(1 = {largest[name]:.3g})" for name, unit in DRIFT]
    _bars(axes, report, labels, [name for name, _ in DRIFT], scaled)


def _bars(axes: Axes, report: dict[str, Any], labels: list[str], names: list[str], of: Any) -> None:
    """For each figure a bar of model and start on each split."""
    splits = _splits(report)
    width = 0.8 / (2 * len(splits))
    for at, (split, colour) in enumerate(zip(splits, style.SERIES, strict=False)):
        for then, who in enumerate(WHO):
            places = np.arange(len(names)) + (2 * at + then - len(splits) + 0.5) * width
            axes.bar(
                places, [of(who, split, name) for name in names], 0.9 * width, color=colour,
                alpha=1.0 if who == "model" else 0.35, label=f"{split}, {who}",
            )  # fmt: skip
    axes.set_xticks(range(len(labels)), labels)
    axes.tick_params(axis="x", labelcolor=style.INK, length=0)
    axes.set_ylim(0, None)
    axes.legend(frameon=False, fontsize=8, labelcolor=style.INK, loc="best")


def _splits(report: dict[str, Any]) -> list[str]:
    return list(report["model"]["splits"])


def _figures(report: dict[str, Any]) -> list[str]:
    return list(next(iter(report["model"]["splits"].values())))
