"""What is learned over a run, as charts: plain data, for whoever draws them.

Nothing here needs JAX or Matplotlib, so that a page can follow many runs.
"""

from typing import Any

import numpy as np

from cairn.core.console import plural
from cairn.core.counts import SPENT, STEPS, unit
from cairn.core.measures import is_share, label
from cairn.core.stats import bootstrap, mean
from cairn.report import series
from cairn.report.data import Chart, Curves, Line
from cairn.report.series import Curve

CHARTS = 5
"""Charts beside the ledger: the most telling of those that a method has figures for."""


def data(lines: list[dict[str, Any]], method: str, task: str, seeds: int) -> Curves:
    """Everything that is learned over a run, every seed and their mean, from its metrics."""
    thick = "the mean over seeds with its 95 % interval" if seeds > 1 else "smoothed"
    totals = lines[-1]["ledger"]
    spent = {name: float(np.mean(totals[name])) for name in STEPS if name in totals}
    words = [name for name in SPENT if name in totals]
    axis = unit(totals)
    of = f" Steps are {', '.join(words[:-1])} and {words[-1]} together." if len(words) > 1 else ""
    return Curves(
        "How it learned",
        f"{method} on {task}, {plural(seeds, 'seed')}.{of} Thin: raw; thick: {thick}.",
        tuple(charts(lines)),
        spent,
        axis,
    )


def charts(lines: list[dict[str, Any]]) -> list[Chart]:
    """The charts there are figures for; a method nobody foresaw shows its first metrics."""

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


def final(curve: Curve) -> dict[str, float | str]:
    """The last value of a figure: its mean over seeds, with an interval where there are several."""
    values = series.last(curve)
    if len(values) == 1:
        return {"value": float(values[0])}
    found = bootstrap(values[:, None], mean)
    return {"value": found.value, "low": found.low, "high": found.high, "over": found.over}
