"""What is learned over a run, as charts: plain data, for whoever draws them.

Nothing here needs JAX or Matplotlib, so that a page can follow many runs.
"""

from collections.abc import Iterator
from itertools import islice
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
    if seeds == 2:  # resampled, two values give their own range
        thick = "the mean of the two seeds, between the lower and the higher"
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
    found = [*islice((one for one in _known(lines) if one.lines), CHARTS)]
    if not found:
        others = (chart(label(name), _pick(lines, mean=name)) for name in lines[0]["metrics"])
        found = [*islice((one for one in others if one.lines), CHARTS)]
    return found


def _known(lines: list[dict[str, Any]]) -> Iterator[Chart]:
    """The most telling first. Each is made when it is asked for: most are not."""
    steps = series.steps_of(lines)

    def pick(**names: str) -> dict[str, Curve]:
        return _pick(lines, steps, **names)

    measure, share = measure_of(lines)
    yield chart(f"Tests during the run: {measure}", series.evaluations(lines), share, False)
    yield chart("Levels it trains on: solve rate", _solved(lines, steps), True)
    yield chart("Regret its teacher finds", pick(mean="regret"))
    yield chart("Starts within the window: success", pick(success="start_success"), True)
    yield chart("Window that starts are drawn from", pick(window="window"), smoothed=False)
    yield chart("Steps that earlier adversaries' levels cover", pick(covered="covered"), True)
    yield chart("Adversary at work", pick(number="adversary"), smoothed=False)
    yield from _audits(lines, steps)
    yield chart("Entropy of its policy (nats)", pick(entropy="entropy"))
    yield chart("Archive: score", pick(all_levels="archive_score", replayed="replayed_score"))
    yield chart("Buffer: learnability", pick(mean="buffer_learnability"))
    generations = pick(all_levels="archive_generation", replayed="replayed_generation")
    if any(np.nanmax(curve.values) > 0 for curve in generations.values()):  # levels are edited
        yield chart("Archive: generations since a new level", generations)
    yield chart("Archive: share of slots filled", pick(filled="archive_fill"), True, False)
    yield chart("Map of elites: coverage", pick(filled="coverage"), True, False)
    yield chart("Map of elites: QD score", pick(sum="qd_score"), smoothed=False)
    yield chart("Map of elites: best fitness", pick(best="best"), smoothed=False)
    yield chart("Steps of an episode in training", pick(mean="episode_length"))
    yield chart("Return of an episode in training", pick(mean="return"))


def _solved(lines: list[dict[str, Any]], steps: np.ndarray) -> dict[str, Curve]:
    """The solve rate of the student and, beside it, of those who play the same levels."""
    end = "_solve_rate"
    others = [name for name in lines[0]["metrics"] if name.endswith(end)]
    if not others:
        return _pick(lines, steps, solve_rate="solve_rate")
    roles = {name.removesuffix(end): name for name in others}
    return _pick(lines, steps, student="solve_rate", **roles)


def _audits(lines: list[dict[str, Any]], steps: np.ndarray) -> Iterator[Chart]:
    """How well scores order levels, where the run has audited them while it trained."""
    names = sorted({n for line in lines for n in line["metrics"] if n.startswith("audit_")})
    for truth in ("regret", "learnability"):
        for source in ("archive", "designed", "fresh"):
            begin, end = f"audit_{source}_", f"_{truth}"
            found = {
                name.removeprefix(begin).removesuffix(end).replace("_", " "): curve
                for name in names
                if name.startswith(begin) and name.endswith(end) and name != begin[:-1] + end
                if (curve := series.now_and_then(lines, name, steps)) is not None
            }
            if found:
                title = f"Audit: Spearman with {truth}, {source} levels"
                yield chart(title, found, smoothed=False)
                break


def _pick(
    lines: list[dict[str, Any]], steps: np.ndarray | None = None, **names: str
) -> dict[str, Curve]:
    """The curves there are figures for, by what they are called in a chart."""
    found = {text: series.metric(lines, name, steps) for text, name in names.items()}
    return {text.replace("_", " "): curve for text, curve in found.items() if curve is not None}


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
