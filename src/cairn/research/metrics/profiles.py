"""Performance profiles over tasks, and the area under them (AUP): two definitions, never mixed.

Both ask, for each task, by what ratio a method is behind the best, and how many tasks lie within a
ratio (Dolan & Moré 2002, arXiv:cs/0102001). An area of one says nothing beside an area of the
other, and in both who is compared moves everyone.

- MLGym's (`mlgym_profiles`; Nathani et al. 2025, arXiv:2502.14499,
  `scripts/evaluation/get_ranks.py`): over **log10** of the ratio, from 0 to the largest one, with a
  rule for methods that are worse than a baseline. It inherits this: a ratio says nothing of scores
  below 0 (a return, a margin in a game), so these are infeasible by definition.
- LLM-First Search's (`lfs_aup`; `src/simple_analysis.py` of NathanHerr/LLM-First-Search): over the
  ratio itself, from 1 to 10, at most 9.
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
Rates = Mapping[str, Mapping[str, float]]
"""The same without holes."""
WIDEST = 10.0
"""Where the profile of LLM-First Search ends."""


class Profiles(NamedTuple):
    """MLGym's comparison of some methods on some tasks."""

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


def mlgym_profiles(
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


class _Checked:
    """The tasks of a table, all of which every method has."""

    def __init__(self, table: Rates, what: str):
        self.methods = list(table)
        self.tasks = sorted({task for scores in table.values() for task in scores})
        if not self.methods or not self.tasks:
            raise ConfigError(f"{what}: a profile needs a method and a task at least.")
        for method, scores in table.items():
            missing = [task for task in self.tasks if task not in scores]
            if missing:
                raise ConfigError(f"{what}: {method} has no score on {missing[0]}.")
        for method, scores in table.items():
            for task, score in scores.items():
                if not math.isfinite(score):
                    raise ConfigError(f"{what}: {method} on {task} is {score}, not a number.")


def lfs_aup(win_rates: Rates, tokens: Rates | None = None) -> dict[str, float]:
    """Area under each method's profile of win rates, at most 9; with `tokens`, of efficiency.

    r = best win rate / win rate, infinite where that is 0; with tokens, times tokens / fewest
    tokens. Profile: share of tasks with r ≤ τ; area over τ from 1 to 10 by the trapezoid rule on
    200 log-spaced points.

    Args:
        win_rates: in [0, 1].
        tokens: mean tokens a game, above 0.

    Raises ConfigError for a table with holes and for values out of range.
    """
    checked = _Checked(win_rates, "lfs_aup")
    if any(not 0 <= score <= 1 for scores in win_rates.values() for score in scores.values()):
        raise ConfigError("lfs_aup expects win rates in [0, 1].")
    pairs = [(method, task) for method in checked.methods for task in checked.tasks]
    if tokens is not None and any(not tokens.get(m, {}).get(t, 0) > 0 for m, t in pairs):
        raise ConfigError("lfs_aup expects tokens above 0 for every method and task.")
    points = np.logspace(0, np.log10(WIDEST), 200)
    areas = {}
    for method in checked.methods:
        ratios = []
        for task in checked.tasks:
            best = max(win_rates[other][task] for other in checked.methods)
            own = win_rates[method][task]
            ratio = best / own if own > 0 else math.inf
            if tokens is not None:
                ratio *= tokens[method][task] / min(tokens[m][task] for m in checked.methods)
            ratios.append(ratio)
        profile = (np.array(ratios)[:, None] <= points * (1 + 1e-12)).mean(0)
        areas[method] = float(np.trapezoid(profile, points))
    return areas


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
