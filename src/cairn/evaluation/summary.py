"""Figures with intervals from raw outcomes, as plain values that survive JSON.

What an interval is over is always said. Over seeds it speaks of training again; with one seed it
is over levels (for a single level: over its attempts) and speaks of this agent only.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from cairn.core.stats import (
    Estimate,
    bootstrap,
    conditional_value_at_risk,
    interquartile_mean,
    mean,
    wilson,
)
from cairn.evaluation.evaluate import Outcome

ALPHAS = (0.01, 0.05, 0.10)
"""Shares of worst levels that are reported."""
RESAMPLES = 2000


def summarise(outcome: Outcome) -> dict[str, Any]:
    """The figures of one suite, of its groups and of each of its levels.

    `solve_rate` is the mean over headline levels and seeds; `interquartile_mean` of the same
    (seed, level) scores stands beside it. For `cvar` see `worst`.
    """
    suite = outcome.suite
    figures = _figures(outcome, suite.headline)
    beside = [n for n, main in zip(suite.levels, suite.headline, strict=True) if not main]
    figures |= {
        "attempts": int(outcome.solved.shape[2]),
        "step_limit": suite.env.max_steps,
        "environment_steps": outcome.steps,
        "beside_the_headline": beside,
    }
    groups = [name for name in dict.fromkeys(suite.groups) if name]
    if len(groups) > 1:
        of = np.array(suite.groups)
        figures["groups"] = {name: _figures(outcome, of == name) for name in groups}
    if suite.name == "cvar" and outcome.solved.shape[2] > 1:
        figures["worst"] = worst(outcome)
    return figures | {"levels": _levels(outcome)}


def worst(outcome: Outcome) -> dict[str, Any]:
    """Mean solve rate on the worst 1, 5 and 10 % of levels, by seed and with an interval.

    The first half of the attempts (10 of 20) ranks the levels, the second is reported: reporting
    what ranked would count bad luck as difficulty. Source: Rutherford et al. 2024, arXiv:2408.15099.
    """
    half = outcome.solved.shape[2] // 2
    ranking = outcome.solved[:, :, :half].mean(axis=2)
    outcomes = outcome.solved[:, :, half:].mean(axis=2)
    seeds, levels = ranking.shape
    figures = {}
    for alpha in ALPHAS:
        by_seed = [
            conditional_value_at_risk(r, o, alpha) for r, o in zip(ranking, outcomes, strict=True)
        ]
        if seeds > 1:
            estimate = bootstrap(np.array(by_seed)[:, None], mean)
        else:
            estimate = resampled_levels(
                lambda index, alpha=alpha: conditional_value_at_risk(
                    ranking[0, index], outcomes[0, index], alpha
                ),
                levels,
            )
        figures[f"{alpha:.0%}"] = {
            "solve_rate": estimate.value,
            **interval(estimate),
            "solve_rate_by_seed": by_seed,
        }
    reported = outcome.solved.shape[2] - half
    return figures | {"attempts_that_rank": half, "attempts_reported": reported}


def interval(estimate: Estimate) -> dict[str, Any]:
    """The interval of an estimate and what it is over, for JSON."""
    return {"interval": [estimate.low, estimate.high], "interval_over": estimate.over}


def resampled_levels(
    statistic: Callable[[Int[np.ndarray, " drawn"]], float], levels: int
) -> Estimate:
    """Bootstrap over levels of a statistic that takes the numbers of the levels drawn."""
    numbers = np.arange(levels, dtype=np.float64)[None]
    return bootstrap(numbers, lambda drawn: statistic(drawn[0].astype(np.int64)))


def _figures(outcome: Outcome, chosen: Bool[np.ndarray, " L"]) -> dict[str, Any]:
    scores = outcome.scores[:, chosen]
    rate = bootstrap(scores, mean, resamples=RESAMPLES)
    middle = bootstrap(scores, interquartile_mean, resamples=RESAMPLES)
    returns = bootstrap(outcome.episode_return[:, chosen].mean(axis=2, dtype=np.float64), mean)
    return {
        "solve_rate": rate.value,
        **interval(rate),
        "interquartile_mean": middle.value,
        "interquartile_interval": [middle.low, middle.high],
        "return": returns.value,
        "return_interval": [returns.low, returns.high],
        "length": float(outcome.length[:, chosen].mean()),
        "solve_rate_by_seed": scores.mean(axis=1).tolist(),
    }


def _levels(outcome: Outcome) -> dict[str, Any]:
    """Every level by name."""
    scores = outcome.scores
    low, high, over = _level_intervals(scores, outcome.solved.shape[2])
    returns = outcome.episode_return.mean(axis=(0, 2), dtype=np.float64)
    lengths = outcome.length.mean(axis=(0, 2))
    return {
        name: {
            "solve_rate": float(scores[:, level].mean()),
            "interval": [float(low[level]), float(high[level])],
            "interval_over": over,
            "return": float(returns[level]),
            "length": float(lengths[level]),
            "headline": bool(outcome.suite.headline[level]),
        }
        for level, name in enumerate(outcome.suite.levels)
    }


def _level_intervals(
    scores: Float[np.ndarray, "S L"], attempts: int
) -> tuple[Float[np.ndarray, " L"], Float[np.ndarray, " L"], str]:
    """Of each level's mean over seeds; with one seed, Wilson's over the attempts."""
    seeds, levels = scores.shape
    if seeds == 1:
        pairs = [wilson(round(rate * attempts), attempts) for rate in scores[0].tolist()]
        low, high = np.array(pairs).T
        return low, high, "attempts"
    draws = np.random.default_rng(0).integers(0, seeds, (RESAMPLES, seeds))
    share = np.stack([(draws == seed).mean(axis=1) for seed in range(seeds)], axis=1)
    bounds = np.empty((2, levels))
    for start in range(0, levels, 500):  # thousands of levels at once would not fit in memory
        some = slice(start, start + 500)
        bounds[:, some] = np.quantile(share @ scores[:, some], [0.025, 0.975], axis=0)
    return bounds[0], bounds[1], "seeds"
