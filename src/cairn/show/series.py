"""The metrics of a run as arrays, for plotting: pure NumPy."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cairn.core.ledger import cost

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
    return np.array([cost(line["ledger"]) for line in lines], np.float64)


def ledger(lines: list[dict[str, Any]], name: str) -> Int[np.ndarray, "N S"]:
    """One count of the ledger at each line."""
    return np.array([line["ledger"][name] for line in lines], np.int64)


def metric(lines: list[dict[str, Any]], name: str) -> Curve | None:
    """A metric by name; None if the method has none such."""
    if name not in lines[0]["metrics"]:
        return None
    # A number that was not finite is null in the file.
    values = [[np.nan if v is None else v for v in line["metrics"][name]] for line in lines]
    return Curve(steps_of(lines), np.array(values, np.float64))


def evaluations(lines: list[dict[str, Any]]) -> dict[str, Curve]:
    """Solve rates of the tests made during the run, by suite, at the lines of the tests."""
    tested = [line for line in lines if "evaluation" in line]
    rows = [_solve_rates(line["evaluation"]) for line in tested]
    names = [name for name in (rows[0] if rows else {}) if all(name in row for row in rows)]
    return {
        name: Curve(steps_of(tested), np.array([row[name] for row in rows], np.float64))
        for name in names
    }


def smooth(curve: Curve, share: float = 0.04) -> Curve:
    """Centred running means over `share` of the points, shorter at the ends; NaN is left out."""
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

    with np.errstate(invalid="ignore", divide="ignore"):
        return curve._replace(values=window(sums) / window(counts))


def band(curve: Curve) -> Band:
    """Mean and 95 % bootstrap interval over seeds, where all seeds have been.

    With one seed there is no interval: `low` and `high` are the value.
    """
    seeds = curve.steps.shape[1]
    places = np.linspace(curve.steps[0].max(), curve.steps[-1].min(), GRID)
    if seeds == 1:
        places = curve.steps[:, 0]
    columns = []
    for seed in range(seeds):
        known = np.isfinite(curve.values[:, seed])
        if not known.any():
            continue
        columns.append(np.interp(places, curve.steps[known, seed], curve.values[known, seed]))
    if not columns:
        nothing = np.full(len(places), np.nan)
        return Band(places, nothing, nothing, nothing)
    table = np.stack(columns, axis=1)
    if table.shape[1] == 1:
        return Band(places, table[:, 0], table[:, 0], table[:, 0])
    # Whole seeds are drawn, as in `cairn.core.stats.bootstrap`; here for all places at once.
    draws = np.random.default_rng(0).integers(0, table.shape[1], (RESAMPLES, table.shape[1]))
    means = table[:, draws].mean(axis=2)
    low, high = np.quantile(means, [0.025, 0.975], axis=1)
    return Band(places, table.mean(axis=1), low, high)


def _solve_rates(figures: dict[str, Any]) -> dict[str, list[float]]:
    """Suite to one solve rate a seed."""
    return {
        name: figure["solve_rate"] if isinstance(figure, dict) else figure
        for name, figure in figures.items()
    }
