"""Paired differences between two runs, from the same levels and the same draws."""

from typing import Any

import numpy as np
from jaxtyping import Float

from cairn.core import measures
from cairn.core.counts import cost
from cairn.core.stats import Estimate, Statistic, interquartile_mean, mean, paired_difference
from cairn.evaluation.evaluate import Results
from cairn.evaluation.summary import bounds, interval

Curve = dict[str, Any]
"""What a run measured on the way: `steps` (points, seeds), suite to `measure`, suite to `values`
(points, seeds)."""


def differences(ours: Results, theirs: Results) -> dict[str, Any]:
    """Measure and return of `ours` minus `theirs` in one suite, and level by level.

    Seeds are paired by their order if both runs have as many of them, otherwise averaged first:
    then, as with one seed, the interval is over levels, and at a single level over its attempts.
    """
    chosen, measure = ours.suite.headline, ours.suite.env.measure
    measured = _pairs(*(one.measured[:, chosen] for one in (ours, theirs)))
    score = _difference(measured, mean)
    middle = _difference(measured, interquartile_mean)
    returns = _difference(
        _pairs(*(one.episode_return[:, chosen].astype(float) for one in (ours, theirs))), mean
    )
    apart = ours.scores.mean(axis=0) - theirs.scores.mean(axis=0)
    return {
        "measure": measure,
        "higher_is_better": ours.suite.env.higher_is_better,
        measure: [float(one.mean()) for one in measured],
        "difference": score.value,
        **interval(score),
        "interquartile_difference": middle.value,
        "interquartile_interval": bounds(middle),
        "return_difference": returns.value,
        "return_interval": bounds(returns),
        "levels": dict(zip(ours.suite.levels, apart.tolist(), strict=True)),
    }


def curves(lines: list[dict[str, Any]]) -> Curve | None:
    """The evaluations among the lines of a run's metrics, or None if there is none.

    Steps are what a comparison must hold equal (`cairn.core.ledger.cost`).
    """
    tested = [line for line in lines if "evaluation" in line]
    if not tested:
        return None
    names = [n for n in tested[0]["evaluation"] if all(n in line["evaluation"] for line in tested)]
    heads = {n: [measures.headline(line["evaluation"][n]) for line in tested] for n in names}
    return {
        "steps": np.array([cost(line["ledger"]) for line in tested]),
        "measure": {name: head[0][0] for name, head in heads.items()},
        "values": {
            name: np.array([values for _, values in head], np.float64)
            for name, head in heads.items()
        },
    }


def at_equal_steps(ours: Curve | None, theirs: Curve | None) -> dict[str, Any] | None:
    """Differences of both runs' own evaluations at the most steps that both have been tested at.

    Linear between two evaluations. None if one run has no evaluation as early as that.
    """
    if ours is None or theirs is None:
        return None
    common = min(int(curve["steps"][-1].min()) for curve in (ours, theirs))
    suites = [name for name in ours["values"] if name in theirs["values"]]
    found: dict[str, Any] = {"steps": common, "suites": {}}
    for name in suites:
        a, b = (_at(curve["steps"], curve["values"][name], common) for curve in (ours, theirs))
        if np.isnan([*a, *b]).any():
            continue
        figures: dict[str, Any] = {
            "measure": ours["measure"][name],
            ours["measure"][name]: [float(a.mean()), float(b.mean())],
            "difference": float(a.mean() - b.mean()),
        }
        if len(a) == len(b) > 1:
            estimate: Estimate = paired_difference(a[:, None], b[:, None], mean)
            figures |= interval(estimate)
        found["suites"][name] = figures
    return found if found["suites"] else None


def _at(
    steps: Float[np.ndarray, "points seeds"] | np.ndarray,
    values: Float[np.ndarray, "points seeds"],
    where: int,
) -> Float[np.ndarray, " seeds"]:
    """Each seed's figure at `where`, linear between its tests; NaN for one not tested so early."""
    found = []
    for x, y in zip(steps.T, values.T, strict=True):
        x, y = x[np.isfinite(y)], y[np.isfinite(y)]
        found.append(np.interp(where, x, y) if len(x) and x[0] <= where else np.nan)
    return np.array(found, np.float64)


def _difference(
    pair: tuple[Float[np.ndarray, "S L A"], Float[np.ndarray, "S L A"]], statistic: Statistic
) -> Estimate:
    ours, theirs = (one.mean(axis=2) for one in pair)
    if ours.size > 1 or pair[0].shape != pair[1].shape:
        return paired_difference(ours, theirs, statistic)
    return paired_difference(pair[0][0], pair[1][0], mean)._replace(over="attempts")


def _pairs(
    a: Float[np.ndarray, "_ L A"], b: Float[np.ndarray, "_ L A"]
) -> tuple[Float[np.ndarray, "_ L A"], Float[np.ndarray, "_ L A"]]:
    if a.shape[0] == b.shape[0]:
        return a, b
    return a.mean(axis=0, keepdims=True), b.mean(axis=0, keepdims=True)
