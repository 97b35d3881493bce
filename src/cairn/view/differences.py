"""How far apart training runs are at equal spend, by their own tests during training.

Seeds are paired where both runs have the same ones: they began from the same draws. Otherwise both
are resampled by themselves. Intervals are not corrected for their number.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core.counts import cost
from cairn.core.measures import label
from cairn.core.stats import snapped
from cairn.evaluation.equal import Curve, at, curves
from cairn.report import series
from cairn.view.rows import Row
from cairn.view.summaries import Plain

RESAMPLES = 2_000
SEARCHED = {"qd_score": "QD score", "coverage": "coverage"}
"""Metrics of a search without tests, which are its results."""


class Measured(NamedTuple):
    """What a run measured on the way."""

    curve: Curve
    seeds: tuple[int, ...]
    """Which they are: the first seed and those after it."""


class Difference(NamedTuple):
    """Two runs at the same spend."""

    suite: str
    measure: str
    """In words."""
    spent: int
    """Where both are compared: the most that both have been tested at."""
    values: tuple[float, float]
    """Means over seeds: of the first run, of the other."""
    difference: float
    """The other less the first."""
    interval: tuple[float, float] | None
    """95 %; None where a run has one seed."""
    paired: bool
    """Whether seeds were paired."""


def measured(rows: Sequence[Row], seeds: Sequence[int]) -> Measured | None:
    """A run's own tests, or what its search found; None if it has neither."""
    rows = list(rows)
    curve = curves(rows)
    if curve is None or not curve["values"]:
        found = {name: series.metric(rows, name) for name in SEARCHED} if rows else {}
        values = {SEARCHED[name]: one.values for name, one in found.items() if one is not None}
        if not values:
            return None
        steps = np.array([cost(row["ledger"]) for row in rows])
        curve = {"steps": steps, "measure": {name: name for name in values}, "values": values}
    return Measured(curve, tuple(seeds))


def differences(first: Measured, other: Measured) -> list[Difference]:
    """In every suite of both, what the other reached less what the first did, at equal spend.

    Linear between two tests. Empty if one run was not tested as early as the other ended.
    """
    runs = (first.curve, other.curve)
    where = min(int(curve["steps"][-1].min()) for curve in runs)
    found = []
    for suite in runs[0]["values"]:
        measure = runs[0]["measure"][suite]
        if runs[1]["measure"].get(suite) != measure:
            continue
        a, b = (at(curve["steps"], curve["values"][suite], where) for curve in runs)
        if np.isnan([*a, *b]).any():
            continue
        paired = first.seeds == other.seeds and len(a) == len(b) > 1
        interval = _interval(a, b, paired=paired)
        means = float(a.mean()), float(b.mean())
        found.append(
            Difference(suite, label(measure), where, means, means[1] - means[0], interval, paired)
        )
    return found


def _interval(
    a: Float[np.ndarray, " A"], b: Float[np.ndarray, " B"], *, paired: bool
) -> tuple[float, float] | None:
    """95 % bootstrap interval of mean(b) - mean(a), as `cairn.core.stats.paired_difference`."""
    if min(len(a), len(b)) < 2:
        return None
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(a), (RESAMPLES, len(a)))
    if paired:
        found = (b - a)[draws].mean(axis=1)
    else:
        others = rng.integers(0, len(b), (RESAMPLES, len(b)))
        found = b[others].mean(axis=1) - a[draws].mean(axis=1)
    value = float(b.mean() - a.mean())
    low, high = np.quantile(found, [0.025, 0.975])
    return snapped(low, value), snapped(high, value)


def seeds_of(config: Mapping[str, Plain], number: int) -> tuple[int, ...]:
    """Which seeds a run has, from its settings by dotted name."""
    first = config.get("run.seed", 0)
    begin = first if isinstance(first, int) else 0
    return tuple(range(begin, begin + number))
