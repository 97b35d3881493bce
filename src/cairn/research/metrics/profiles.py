"""Performance ratios, profiles and the area under them, as MLGym reports them.

Nathani et al. 2025, arXiv:2502.14499, after Dolan & Moré 2002. The profile here is over **log10**
of the ratio. The area that LLM-First Search reports is another (over the ratio from 1 to 10): the
two are never mixed.

Differs from nothing, and inherits this: a ratio says nothing of scores below 0 (a return, a margin
in a game), so these are infeasible by definition; and who is in the comparison moves everyone.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from cairn.core.errors import ConfigError

INFEASIBLE = 1.05
"""Times the worst feasible ratio: what an infeasible method gets."""
POINTS = 500
Table = Mapping[str, Mapping[str, float | None]]
"""Scores by method and task; None: no valid score."""


class Profiles(NamedTuple):
    """The comparison of some methods on some tasks."""

    ratios: dict[str, dict[str, float]]
    """By method and task; 1 is the best."""
    taus: np.ndarray
    """Log10 ratios, `(POINTS,)`."""
    curves: dict[str, np.ndarray]
    """Share of tasks with log10 ratio <= tau, by method."""
    areas: dict[str, float]
    """The area under each curve (AUP)."""


def ratios(
    scores: Table, larger_is_better: Mapping[str, bool], *, baseline: str
) -> dict[str, dict[str, float]]:
    """Best over score (larger is better) or score over best, for every method and task.

    A method is infeasible on a task where its score is missing, not above 0, or worse than the
    baseline's. Raises ConfigError where nobody is feasible.
    """
    if baseline not in scores:
        raise ConfigError(f"there is no method {baseline!r} to be the baseline.")
    found: dict[str, dict[str, float]] = {method: {} for method in scores}
    for task, larger in larger_is_better.items():
        floor = scores[baseline].get(task)
        feasible = {}
        for method, row in scores.items():
            score = row.get(task)
            if score is None or not math.isfinite(score) or score <= 0:
                continue
            if floor is None or (score >= floor if larger else score <= floor):
                feasible[method] = score
        if not feasible:
            raise ConfigError(
                f"on task {task!r} no method has a score above 0 that is as good as the "
                f"baseline's: ratios say nothing there. Leave the task out, or shift its scores."
            )
        best = max(feasible.values()) if larger else min(feasible.values())
        of = {m: best / score if larger else score / best for m, score in feasible.items()}
        worst = INFEASIBLE * max(of.values())
        for method in scores:
            found[method][task] = of.get(method, worst)
    return found


def profiles(
    scores: Table, larger_is_better: Mapping[str, bool], *, baseline: str
) -> Profiles:  # fmt: skip
    """Ratios, profiles and areas, up to the largest log10 ratio rounded up to 0.1."""
    table = ratios(scores, larger_is_better, baseline=baseline)
    logs = {method: np.log10(list(row.values())) for method, row in table.items()}
    # Rounded first: 0.30000000000000004 is 0.3, and not on the way to 0.4.
    largest = max(float(values.max()) for values in logs.values())
    end = math.ceil(round(largest * 10, 9)) / 10
    taus = np.linspace(0.0, end, POINTS)
    curves = {m: (v[:, None] <= taus).mean(axis=0) for m, v in logs.items()}
    areas = {m: float(np.trapezoid(curve, taus)) for m, curve in curves.items()}
    return Profiles(table, taus, curves, areas)


def best_at(
    runs: Sequence[Sequence[float | None]], k: int, *, larger_is_better: bool
) -> float | None:  # fmt: skip
    """The best of all scores in the first `k` runs.

    With every score that a run validated it is MLGym's best attempt@k; with a run's submission as
    its only score, best submission@k. None if there is no valid score.
    """
    if not 1 <= k <= len(runs):
        raise ConfigError(f"best@k needs 1 <= k <= {len(runs)} runs, got {k}.")
    valid = [s for run in runs[:k] for s in run if s is not None and math.isfinite(s)]
    if not valid:
        return None
    return max(valid) if larger_is_better else min(valid)
