"""The metrics of a run as arrays, for plotting: pure NumPy."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cairn.core.counts import cost, held
from cairn.core.measures import headline

GRID = 60
"""Places at which seeds are brought together."""
RESAMPLES = 1000


class Curve(NamedTuple):
    """One figure over a run: N points of each of S seeds."""

    steps: Float[np.ndarray, "N S"]
    """What was spent (`cairn.core.ledger.cost`). Seeds may differ."""
    values: Float[np.ndarray, "N S"]
    """NaN where there is none."""


class Band(NamedTuple):
    """The mean over seeds, and its interval."""

    steps: Float[np.ndarray, " G"]
    value: Float[np.ndarray, " G"]
    low: Float[np.ndarray, " G"]
    high: Float[np.ndarray, " G"]


def steps_of(lines: list[dict[str, Any]]) -> Float[np.ndarray, "N S"]:
    """What was spent at each line."""
    first = lines[0]["ledger"]
    if any(line["ledger"].keys() != first.keys() for line in lines):
        return np.array([cost(line["ledger"]) for line in lines], np.float64)
    # The same by columns: pages ask for it of thousands of lines, once for each of their curves.
    columns = [[line["ledger"][name] for line in lines] for name in held(first)]
    return np.array(columns, np.float64).sum(axis=0)


def ledger(lines: list[dict[str, Any]], name: str) -> Int[np.ndarray, "N S"]:
    """One count of the ledger at each line."""
    return np.array([line["ledger"][name] for line in lines], np.int64)


def metric(
    lines: list[dict[str, Any]], name: str, steps: Float[np.ndarray, "N S"] | None = None
) -> Curve | None:
    """A metric by name; None if the run has no figure of it. `steps`: of these lines, if known."""
    absent = [None] * len(lines[0]["cycle"])
    # What is absent (no update, no finished episode) or was not finite is null in the file.
    values = np.array([line["metrics"].get(name, absent) for line in lines], np.float64)
    if not np.isfinite(values).any():
        return None
    return Curve(steps_of(lines) if steps is None else steps, values)


def evaluations(lines: list[dict[str, Any]]) -> dict[str, Curve]:
    """Tests made during the run by their measure: suite to a curve over each seed's own tests.

    A seed that had fewer of them than another repeats its last.
    """
    tested = [line for line in lines if "evaluation" in line]
    first = tested[0]["evaluation"] if tested else {}
    names = [name for name in first if all(name in line["evaluation"] for line in tested)]
    found = {}
    for name in names:
        rows = [headline(line["evaluation"][name])[1] for line in tested]
        curve = Curve(steps_of(tested), np.array(rows, np.float64))
        if np.isfinite(curve.values).any():
            found[name] = _compact(curve)
    return found


def now_and_then(
    lines: list[dict[str, Any]], name: str, steps: Float[np.ndarray, "N S"] | None = None
) -> Curve | None:
    """As `metric`, of one that few lines have: a curve over those alone."""
    curve = metric(lines, name, steps)
    return None if curve is None else _compact(curve)


def _compact(curve: Curve) -> Curve:
    """Without the lines at which a seed was not tested, or at which it had stopped long ago."""
    columns = []
    for steps, values in zip(curve.steps.T, curve.values.T, strict=True):
        steps, first = np.unique(steps[np.isfinite(values)], return_index=True)
        columns.append((steps, values[np.isfinite(values)][first]))
    number = max(len(steps) for steps, _ in columns)

    def column(kept: np.ndarray) -> np.ndarray:
        missing = number - len(kept)
        return np.pad(kept, (0, missing), "edge") if len(kept) else np.full(number, np.nan)

    steps, values = ([column(pair[i]) for pair in columns] for i in (0, 1))
    return Curve(np.stack(steps, axis=1), np.stack(values, axis=1))


def measure(lines: list[dict[str, Any]]) -> str:
    """Name of the measure of the run's tests."""
    tests = next((line["evaluation"] for line in lines if line.get("evaluation")), {})
    return next((headline(figures)[0] for figures in tests.values()), "solve_rate")


def smooth(curve: Curve, share: float = 0.04) -> Curve:
    """Centred running means over `share` of the points, shorter at the ends.

    What is absent is left out of them and stays absent.
    """
    number = len(curve.values)
    half = int(number * share / 2)
    known = np.isfinite(curve.values)
    sums = np.cumsum(np.where(known, curve.values, 0.0), axis=0)
    counts = np.cumsum(known, axis=0)
    first = np.maximum(np.arange(number) - half, 0)
    last = np.minimum(np.arange(number) + half, number - 1)

    def window(total: np.ndarray) -> np.ndarray:
        padded = np.concatenate([np.zeros_like(total[:1]), total])
        return padded[last + 1] - padded[first]

    means = window(sums) / np.maximum(window(counts), 1)
    return curve._replace(values=np.where(known, means, np.nan))


def band(curve: Curve) -> Band:
    """Mean and 95 % bootstrap interval over the seeds that have a figure, where all have been.

    NaN where no seed has one. A single seed has no interval: `low` and `high` are its value.
    """
    places = curve.steps[:, 0]
    if curve.steps.shape[1] > 1:
        ends = curve.steps[0].max(), curve.steps[-1].min()
        places = np.linspace(*ends, GRID) if ends[0] < ends[1] else np.mean(ends, keepdims=True)
    columns = zip(curve.steps.T, curve.values.T, strict=True)
    table = np.stack([_at(places, steps, values) for steps, values in columns], axis=1)
    rows = [over_seeds(row[np.isfinite(row)]) for row in table]
    value, low, high = np.array(rows, np.float64).T
    return Band(places, value, low, high)


def last(curve: Curve) -> Float[np.ndarray, " _"]:
    """The newest figure of every seed that has one."""
    columns = [values[np.isfinite(values)] for values in curve.values.T]
    return np.array([known[-1] for known in columns if len(known)], np.float64)


def _at(
    places: Float[np.ndarray, " G"], steps: Float[np.ndarray, " N"], values: Float[np.ndarray, " N"]
) -> Float[np.ndarray, " G"]:
    """One seed's figure at `places`: linear between lines that have one, NaN in longer gaps.

    A gap no longer than two of the grid's spacings is not seen at its resolution: it is bridged.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(places), np.nan)
    between = np.interp(places, steps[known], values[known])
    nearest = _away(places, steps[known])
    spacing = (steps[-1] - steps[0]) / GRID
    absent = (nearest > _away(places, steps)) & (nearest > spacing)
    return np.where(absent, np.nan, between)


def _away(
    places: Float[np.ndarray, " G"], steps: Float[np.ndarray, " M"]
) -> Float[np.ndarray, " G"]:
    """From each place to the nearest of `steps`, which ascend."""
    after = np.searchsorted(steps, places)
    around = steps[np.maximum(after - 1, 0)], steps[np.minimum(after, len(steps) - 1)]
    return np.minimum(*(np.abs(places - some) for some in around))


def over_seeds(values: Float[np.ndarray, " S"]) -> tuple[float, float, float]:
    """Mean and interval over seeds, as in `cairn.core.stats.bootstrap`."""
    if len(values) == 0:
        return np.nan, np.nan, np.nan
    if len(values) == 1:
        return values[0], values[0], values[0]
    draws = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return values.mean(), low, high
