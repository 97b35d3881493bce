"""Paired differences between two runs, from the same levels and the same draws."""

from typing import Any

import numpy as np
from jaxtyping import Float

from cairn.core.ledger import cost
from cairn.core.stats import Estimate, interquartile_mean, mean, paired_difference
from cairn.evaluation.evaluate import Outcome
from cairn.evaluation.summary import interval

Curve = dict[str, Any]
"""What a run measured on the way: `steps` (points, seeds) and suite to (points, seeds)."""


def differences(ours: Outcome, theirs: Outcome) -> dict[str, Any]:
    """Solve rate and return of `ours` minus `theirs` in one suite, and level by level.

    Seeds are paired by their order if both runs have as many of them, otherwise averaged first:
    then, as with one seed, the interval is over levels.
    """
    chosen = ours.suite.headline
    a, b = _pairs(ours.scores[:, chosen], theirs.scores[:, chosen])
    rate = paired_difference(a, b, mean)
    middle = paired_difference(a, b, interquartile_mean)
    returns = paired_difference(
        *_pairs(*(o.episode_return[:, chosen].mean(axis=2, dtype=float) for o in (ours, theirs))),
        mean,
    )
    apart = ours.scores.mean(axis=0) - theirs.scores.mean(axis=0)
    return {
        "solve_rate": [float(a.mean()), float(b.mean())],
        "difference": rate.value,
        **interval(rate),
        "interquartile_difference": middle.value,
        "interquartile_interval": [middle.low, middle.high],
        "return_difference": returns.value,
        "return_interval": [returns.low, returns.high],
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
    rates = {n: np.array([line["evaluation"][n]["solve_rate"] for line in tested]) for n in names}
    steps = np.array([cost(line["ledger"]) for line in tested])
    return {"steps": steps, "solve_rate": rates}


def at_equal_steps(ours: Curve | None, theirs: Curve | None) -> dict[str, Any] | None:
    """Differences of both runs' own evaluations at the most steps that both have been tested at.

    Linear between two evaluations. None if one run has no evaluation as early as that.
    """
    if ours is None or theirs is None:
        return None
    common = min(int(curve["steps"][-1].min()) for curve in (ours, theirs))
    if any(int(curve["steps"][0].max()) > common for curve in (ours, theirs)):
        return None
    suites = [name for name in ours["solve_rate"] if name in theirs["solve_rate"]]
    found: dict[str, Any] = {"steps": common, "suites": {}}
    for name in suites:
        a, b = (_at(curve["steps"], curve["solve_rate"][name], common) for curve in (ours, theirs))
        figures: dict[str, Any] = {
            "solve_rate": [float(a.mean()), float(b.mean())],
            "difference": float(a.mean() - b.mean()),
        }
        if len(a) == len(b) > 1:
            estimate: Estimate = paired_difference(a[:, None], b[:, None], mean)
            figures |= interval(estimate)
        found["suites"][name] = figures
    return found


def _at(
    steps: Float[np.ndarray, "points seeds"] | np.ndarray,
    values: Float[np.ndarray, "points seeds"],
    where: int,
) -> Float[np.ndarray, " seeds"]:
    pairs = zip(steps.T, values.T, strict=True)
    return np.array([np.interp(where, x, y) for x, y in pairs], np.float64)


def _pairs(
    a: Float[np.ndarray, "_ L"], b: Float[np.ndarray, "_ L"]
) -> tuple[Float[np.ndarray, "_ L"], Float[np.ndarray, "_ L"]]:
    if a.shape[0] == b.shape[0]:
        return a, b
    return a.mean(axis=0, keepdims=True), b.mean(axis=0, keepdims=True)
