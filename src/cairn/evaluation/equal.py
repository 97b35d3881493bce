"""Runs at equal spend, by their own tests during training: pure NumPy, no JAX."""

from typing import Any

import numpy as np
from jaxtyping import Float

from cairn.core import measures
from cairn.core.counts import cost
from cairn.core.stats import Estimate, interval, mean, paired_difference

Curve = dict[str, Any]
"""What a run measured on the way: `steps` (points, seeds), suite to `measure`, suite to `values`
(points, seeds)."""


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
        a, b = (at(curve["steps"], curve["values"][name], common) for curve in (ours, theirs))
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


def at(
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
