"""Performance profiles over tasks, and the area under them: two definitions that never mix.

Both ask, for each task, by what ratio a method is behind the best, and how many tasks lie within a
ratio. `lfs_aup` integrates over the ratio itself, from 1 to 10 (LLM-First Search); `mlgym_aup`
over its logarithm to base 10, from 0 to the largest one, and has a rule for methods that are worse
than a baseline (MLGym). An area of one says nothing beside an area of the other. Both depend on
who is compared. Source: Dolan & Moré 2002, arXiv:cs/0102001; `src/simple_analysis.py` of
NathanHerr/LLM-First-Search; `scripts/evaluation/get_ranks.py` of facebookresearch/MLGym.
"""

import math
from collections.abc import Mapping

import numpy as np

from cairn.core.errors import ConfigError

Table = Mapping[str, Mapping[str, float]]
"""By method, by task."""
WIDEST = 10.0
BEHIND = 1.05
"""MLGym: an infeasible method's ratio, in times of the worst feasible one."""


class _Checked:
    """The tasks of a table, all of which every method has."""

    def __init__(self, table: Table, what: str):
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


def lfs_aup(win_rates: Table, tokens: Table | None = None) -> dict[str, float]:
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


def mlgym_aup(
    scores: Table, baselines: Mapping[str, float], larger_is_better: Mapping[str, bool]
) -> dict[str, float]:
    """Area under each method's profile over log10 of the ratio, the baseline among the methods.

    r = best / score (score / best where less is better), over methods and the baseline. A method
    is infeasible on a task if its score is negative or worse than the baseline's: then r is 1.05
    times the worst feasible ratio. Profile: share of tasks with log10 r ≤ τ; area over τ from 0 to
    the largest log10 r, rounded up to a tenth, by the trapezoid rule on 500 points.

    Args:
        baselines: score of the baseline by task, not negative and not 0: a ratio to it is needed.
        larger_is_better: by task.

    Returns the areas by method, and of "baseline". Raises ConfigError for a table with holes, and
    for a baseline of which no ratio can be made (negative scores have none: a known limit of this
    measure).
    """
    checked = _Checked(scores, "mlgym_aup")
    if "baseline" in scores:
        raise ConfigError("mlgym_aup: a method is called 'baseline'; give it another name.")
    methods = [*checked.methods, "baseline"]
    logs: dict[str, list[float]] = {method: [] for method in methods}
    for task in checked.tasks:
        if not baselines.get(task, 0) > 0:
            raise ConfigError(f"mlgym_aup expects a baseline above 0 for {task}.")
        more, base = larger_is_better[task], baselines[task]
        own = {method: scores[method][task] for method in checked.methods} | {"baseline": base}
        feasible = {m for m, s in own.items() if s > 0 and (s >= base if more else s <= base)}
        best = (max if more else min)(own[method] for method in feasible)
        ratios = {m: best / own[m] if more else own[m] / best for m in feasible}
        worst = max(ratios.values())
        for method in methods:
            logs[method].append(math.log10(ratios.get(method, BEHIND * worst)))
    largest = math.ceil(round(10 * max(max(values) for values in logs.values()), 9)) / 10
    points = np.linspace(0.0, largest, 500)
    return {
        method: float(np.trapezoid((np.array(own)[:, None] <= points + 1e-12).mean(0), points))
        for method, own in logs.items()
    }
