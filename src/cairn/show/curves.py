"""Learning curves against the ledger."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from cairn.core.console import plural
from cairn.core.ledger import SPENT, STEPS, unit
from cairn.core.stats import bootstrap, mean
from cairn.evaluation.measures import is_share, label
from cairn.show import series, style
from cairn.show.data import Chart, Curves, Line
from cairn.show.series import Curve
from cairn.show.subject import Subject

CHARTS = 5
"""Charts beside the ledger: the most telling of those that a method has figures for."""


def data(subject: Subject) -> Curves:
    """Everything that is learned over a run, every seed and their mean."""
    experiment = subject.experiment
    thick = "the mean over seeds with its 95 % interval" if experiment.run.seeds > 1 else "smoothed"
    totals = subject.lines[-1]["ledger"]
    spent = {name: float(np.mean(totals[name])) for name in STEPS if name in totals}
    words = [name for name in SPENT if name in totals]
    axis = unit(totals)
    of = f" Steps are {', '.join(words[:-1])} and {words[-1]} together." if len(words) > 1 else ""
    return Curves(
        "How it learned",
        f"{experiment.method} on {experiment.task}, {plural(experiment.run.seeds, 'seed')}.{of} "
        f"Thin: raw; thick: {thick}.",
        tuple(charts(subject)),
        spent,
        axis,
    )


def charts(subject: Subject) -> list[Chart]:
    """The charts there are figures for; a method nobody foresaw shows its first metrics."""
    lines = subject.lines

    def pick(**names: str) -> dict[str, Curve]:
        found = {text: series.metric(lines, name) for text, name in names.items()}
        return {text.replace("_", " "): c for text, c in found.items() if c is not None}

    generations = pick(all_levels="archive_generation", replayed="replayed_generation")
    if not any(np.nanmax(curve.values) > 0 for curve in generations.values()):
        generations = {}  # nobody edits levels
    measure, share = measure_of(lines)
    known = [
        chart(f"Tests during the run: {measure}", series.evaluations(lines), share, False),
        chart("Levels it trains on: solve rate", pick(solve_rate="solve_rate"), True),
        chart("Entropy of its policy (nats)", pick(entropy="entropy")),
        chart("Archive: score", pick(all_levels="archive_score", replayed="replayed_score")),
        chart("Buffer: learnability", pick(mean="buffer_learnability")),
        chart("Archive: generations since a new level", generations),
        chart("Archive: share of slots filled", pick(filled="archive_fill"), True, False),
        chart("Map of elites: coverage", pick(filled="coverage"), True, False),
        chart("Map of elites: QD score", pick(sum="qd_score"), smoothed=False),
        chart("Map of elites: best fitness", pick(best="best"), smoothed=False),
        chart("Steps of an episode in training", pick(mean="episode_length")),
        chart("Return of an episode in training", pick(mean="return")),
    ]
    found = [one for one in known if one.lines]
    if not found:
        others = [chart(label(name), pick(mean=name)) for name in lines[0]["metrics"]]
        found = [one for one in others if one.lines]
    return found[:CHARTS]


def chart(title: str, found: dict[str, Curve], share: bool = False, smoothed: bool = True) -> Chart:
    """Curves by label, with their means over seeds."""
    lines = [
        Line(text, curve, series.band(series.smooth(curve) if smoothed else curve))
        for text, curve in found.items()
    ]
    return Chart(title, tuple(lines), share)


def measure_of(lines: list[dict]) -> tuple[str, bool]:
    """What the run's tests are about, in words, and whether it is a share of attempts."""
    name = series.measure(lines)
    return label(name), is_share(name)


def draw(curves: Curves, path: Path) -> Path:
    """A chart beside the other, the ledger last."""
    columns = 3
    number = len(curves.charts) + bool(curves.spent)
    rows = -(-number // columns)
    made = style.figure(4.6 * columns, 1.0 + 3.1 * rows)
    style.heading(made, curves.title, curves.caption)
    height = made.get_figheight()
    areas = made.add_gridspec(
        rows, columns, left=0.06, right=0.985, top=1 - 1.2 / height, bottom=0.6 / height,
        wspace=0.24, hspace=0.5,
    )  # fmt: skip
    places = [made.add_subplot(areas[i // columns, i % columns]) for i in range(number)]
    for place, shown in zip(places, curves.charts, strict=False):
        draw_chart(place, shown, curves.axis)
    if curves.spent:
        draw_ledger(places[-1], curves.spent)
    return style.save(made, path)


def draw_chart(axes: Axes, shown: Chart, axis: str = "environment steps") -> None:
    """One chart: every seed, mean and interval."""
    style.panel(axes, shown.title)
    for colour, (text, curve, band) in zip(style.SERIES, shown.lines, strict=False):
        style.line(axes, curve.steps, curve.values, color=colour, alpha=0.3, linewidth=0.8)
        style.line(axes, band.steps, band.value, color=colour, linewidth=2.2, label=text)
        if not np.array_equal(band.low, band.high, equal_nan=True):
            axes.fill_between(
                band.steps, band.low, band.high, color=colour, alpha=0.18, linewidth=0
            )
    values = [line.seeds.values for line in shown.lines]
    if shown.share:
        axes.set_ylim(-0.02, 1.02)
    elif all(not (some < 0).any() for some in values):
        axes.set_ylim(0, 1.06 * max(float(np.nanmax(some)) for some in values) or 1)
    if len(shown.lines) > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=style.INK, loc="best")
    style.steps_axis(axes, axis)


def draw_ledger(axes: Axes, spent: dict[str, float]) -> None:
    """What the steps were spent on."""
    style.panel(axes, "Ledger: what the steps were for")
    names, amounts = list(spent)[::-1], list(spent.values())[::-1]
    colours = [*style.SERIES[: len(names) - 1], style.SOFT][::-1]
    axes.barh(names, amounts, color=colours, height=0.62)
    whole = max(sum(amounts), 1.0)
    for place, amount in enumerate(amounts):
        axes.text(
            amount + 0.015 * max(amounts), place, f"{amount / whole:.0%}", va="center",
            color=style.INK, fontsize=9,
        )  # fmt: skip
    axes.grid(visible=False)
    axes.tick_params(axis="y", labelcolor=style.INK, length=0)
    style.steps_axis(axes, "environment steps, mean over seeds")
    axes.set_xlim(0, 1.15 * max(amounts) or 1)


def final(curve: Curve) -> dict[str, float | str]:
    """The last value of a figure: its mean over seeds, with an interval where there are several."""
    values = series.last(curve)
    if len(values) == 1:
        return {"value": float(values[0])}
    found = bootstrap(values[:, None], mean)
    return {"value": found.value, "low": found.low, "high": found.high, "over": found.over}
