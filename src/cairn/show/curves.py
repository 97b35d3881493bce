"""Learning curves against the ledger."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from cairn.core.ledger import STEPS
from cairn.core.stats import bootstrap, mean
from cairn.show import series, style
from cairn.show.series import Curve
from cairn.show.subject import Subject

PANELS = 5
"""Plotting areas beside the ledger's: the most telling of those that a method has figures for."""


class Panel(NamedTuple):
    """What one plotting area shows."""

    title: str
    curves: dict[str, Curve]
    share: bool = False
    """Whether the figures lie in [0, 1]."""
    smoothed: bool = True


def curves_sheet(subject: Subject, path: Path) -> Path:
    """Everything that is learned over a run, every seed thin and their mean thick."""
    panels = panels_of(subject)
    columns = 3
    rows = -(-(len(panels) + 1) // columns)
    made = style.figure(4.6 * columns, 1.0 + 3.1 * rows)
    run = subject.experiment.run
    seeds = f"{run.seeds} seeds" if run.seeds > 1 else "1 seed"
    thick = "the mean over seeds with its 95 % interval" if run.seeds > 1 else "smoothed"
    style.heading(
        made,
        "How it learned",
        f"{subject.experiment.method} on {subject.experiment.task}, {seeds}. Steps are "
        f"training, scoring and mutation together. Thin: raw; thick: {thick}.",
    )
    height = made.get_figheight()
    areas = made.add_gridspec(
        rows, columns, left=0.06, right=0.985, top=1 - 1.2 / height, bottom=0.6 / height,
        wspace=0.24, hspace=0.5,
    )  # fmt: skip
    for i, shown in enumerate(panels):
        draw_panel(made.add_subplot(areas[i // columns, i % columns]), shown)
    last = len(panels)
    draw_ledger(made.add_subplot(areas[last // columns, last % columns]), subject)
    return style.save(made, path)


def panels_of(subject: Subject) -> list[Panel]:
    """The panels there are figures for."""
    lines = subject.lines

    def pick(**names: str) -> dict[str, Curve]:
        found = {label: series.metric(lines, name) for label, name in names.items()}
        return {label.replace("_", " "): c for label, c in found.items() if c is not None}

    panels = [
        Panel("Tests during the run: solve rate", series.evaluations(lines), True, False),
        Panel("Levels it trains on: solve rate", pick(solve_rate="solve_rate"), True),
        Panel("Entropy of its policy (nats)", pick(entropy="entropy")),
        Panel("Archive: score", pick(all_levels="archive_score", replayed="replayed_score")),
        Panel("Buffer: learnability", pick(mean="buffer_learnability")),
        Panel(
            "Archive: generations since a new level",
            pick(all_levels="archive_generation", replayed="replayed_generation"),
        ),
        Panel("Archive: share of slots filled", pick(filled="archive_fill"), True, False),
        Panel("Steps of an episode in training", pick(mean="episode_length")),
        Panel("Return of an episode in training", pick(mean="return")),
    ]
    if not subject.experiment.method.endswith("accel"):
        # Nobody edits levels there: the generation stays at zero.
        panels = [panel for panel in panels if "generations" not in panel.title]
    return [panel for panel in panels if panel.curves][:PANELS]


def draw_panel(axes: Axes, shown: Panel) -> None:
    """One panel: every seed, mean and interval."""
    style.panel(axes, shown.title)
    for colour, (label, curve) in zip(style.SERIES, shown.curves.items(), strict=False):
        style.line(axes, curve.steps, curve.values, color=colour, alpha=0.3, linewidth=0.8)
        middle = series.band(series.smooth(curve) if shown.smoothed else curve)
        style.line(axes, middle.steps, middle.value, color=colour, linewidth=2.2, label=label)
        if not np.array_equal(middle.low, middle.high, equal_nan=True):
            axes.fill_between(
                middle.steps, middle.low, middle.high, color=colour, alpha=0.18, linewidth=0
            )
    if shown.share:
        axes.set_ylim(-0.02, 1.02)
    elif all(not (curve.values < 0).any() for curve in shown.curves.values()):
        highest = max(float(np.nanmax(curve.values)) for curve in shown.curves.values())
        axes.set_ylim(0, 1.06 * highest or 1)
    if len(shown.curves) > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="best")
    style.steps_axis(axes)


def draw_ledger(axes: Axes, subject: Subject) -> None:
    """What the steps were spent on, mean over seeds."""
    style.panel(axes, "Ledger: what the steps were for")
    totals = subject.lines[-1]["ledger"]
    names = [name for name in STEPS if name in totals]
    spent = [float(np.mean(totals[name])) for name in names]
    whole = max(sum(spent), 1.0)
    colours = [*style.SERIES[: len(names) - 1], style.SOFT]
    axes.barh(names[::-1], spent[::-1], color=colours[::-1], height=0.62)
    for place, amount in enumerate(spent[::-1]):
        axes.text(
            amount + 0.015 * max(spent), place, f"{amount / whole:.0%}", va="center",
            color=style.INK, fontsize=9,
        )  # fmt: skip
    axes.grid(visible=False)
    axes.tick_params(axis="y", labelcolor=style.INK, length=0)
    style.steps_axis(axes, "environment steps, mean over seeds")
    axes.set_xlim(0, 1.15 * max(spent))


def final(curve: Curve) -> dict[str, float | str]:
    """The last value of a figure: its mean over seeds, with an interval where there are several."""
    values = series.last(curve)
    if len(values) == 1:
        return {"value": float(values[0])}
    found = bootstrap(values[:, None], mean)
    return {"value": found.value, "low": found.low, "high": found.high, "over": found.over}
