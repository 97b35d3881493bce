"""Figures with intervals from raw results, as plain values that survive JSON.

What an interval is over is always said. Over seeds it speaks of training again; with one seed it
is over levels (for a single level: over its attempts) and speaks of this agent only. Intervals are
by bootstrap; shares that all agree get Wilson's, each as one draw. Bounds are None where there is
no interval: a single attempt.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from cairn.core import measures
from cairn.core.console import plural
from cairn.core.stats import (
    Estimate,
    Statistic,
    bootstrap,
    bootstrap_of_shares,
    bounds,
    conditional_value_at_risk,
    interquartile_mean,
    interval,
    mean,
    snapped,
    wilson,
    wilson_of_alike,
)
from cairn.envs.protocol import Suite
from cairn.evaluation.evaluate import Results

ALPHAS = (0.01, 0.05, 0.10)
"""Shares of worst levels that are reported."""
RESAMPLES = 2000


def summarise(results: Results) -> dict[str, Any]:
    """The figures of one suite, of its groups and of each of its levels.

    `measure` names the figure that `interval` belongs to: its mean over headline levels and seeds;
    `interquartile_mean` of the same (seed, level) scores stands beside it. For `cvar` see `worst`.
    Levels that cannot be solved count; `warnings` names them, and `solvable` leaves them out.
    """
    suite = results.suite
    figures = {
        "measure": suite.env.measure,
        "higher_is_better": suite.env.higher_is_better,
        **_figures(results, suite.headline),
    }
    beside = [n for n, main in zip(suite.levels, suite.headline, strict=True) if not main]
    figures |= {
        "attempts": int(results.solved.shape[2]),
        "step_limit": suite.env.max_steps,
        "environment_steps": results.steps,
        "beside_the_headline": beside,
        "warnings": [],
    }
    hopeless = out_of_reach(suite)
    if hopeless.any():
        figures["warnings"] = [_hopeless(suite, hopeless)]
        if (suite.headline & ~hopeless).any():
            figures["solvable"] = _figures(results, suite.headline & ~hopeless)
    groups = [name for name in dict.fromkeys(suite.groups) if name]
    if len(groups) > 1:
        of = np.array(suite.groups)
        figures["groups"] = {name: _figures(results, of == name) for name in groups}
    if suite.name == "cvar" and results.solved.shape[2] > 1:
        figures["worst"] = worst(results)
    return figures | {"levels": _levels(results)}


def out_of_reach(suite: Suite) -> Bool[np.ndarray, " L"]:
    """Levels known to be unsolvable within the suite's limit."""
    if suite.optimal_steps is None:
        return np.zeros(len(suite.levels), bool)
    return np.array([n is None or n > suite.env.max_steps for n in suite.optimal_steps])


def _hopeless(suite: Suite, hopeless: Bool[np.ndarray, " L"]) -> str:
    names = [name for name, lost in zip(suite.levels, hopeless, strict=True) if lost]
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return (
        f"In the mean, though nobody can solve them in {plural(suite.env.max_steps, 'step')}: "
        f"{shown} ({len(names)} of {plural(len(suite.levels), 'level')})."
    )


def worst(results: Results) -> dict[str, Any]:
    """The measure's mean on the worst 1, 5 and 10 % of levels, by seed and with an interval.

    The first half of the attempts (10 of 20) ranks the levels, the second is reported: reporting
    what ranked would count bad luck as difficulty.

    Source: Rutherford et al. 2024, arXiv:2408.15099.
    """
    half = results.solved.shape[2] // 2
    env = results.suite.env
    name, sign = env.measure, 1.0 if env.higher_is_better else -1.0  # the worst are the lowest
    ranking = sign * results.measured[:, :, :half].mean(axis=2)
    reported = results.measured[:, :, half:].mean(axis=2)
    seeds, levels = ranking.shape
    figures = {}
    for alpha in ALPHAS:
        by_seed = [
            conditional_value_at_risk(r, o, alpha) for r, o in zip(ranking, reported, strict=True)
        ]
        if seeds > 1:
            resample = bootstrap_of_shares if measures.is_share(name) else bootstrap
            estimate = resample(np.array(by_seed)[:, None], mean)
        else:
            estimate = resampled_levels(
                lambda index, alpha=alpha: conditional_value_at_risk(
                    ranking[0, index], reported[0, index], alpha
                ),
                levels,
            )
            if measures.is_share(name) and estimate.low == estimate.high:
                units = max(1, round(alpha * levels))
                low, high = wilson_of_alike(estimate.value, units)
                estimate = estimate._replace(low=low, high=high)
        figures[f"{alpha:.0%}"] = {
            name: estimate.value,
            **interval(estimate),
            f"{name}_by_seed": by_seed,
        }
    return figures | {
        "attempts_that_rank": half,
        "attempts_reported": results.solved.shape[2] - half,
    }


def resampled_levels(
    statistic: Callable[[Int[np.ndarray, " drawn"]], float], levels: int
) -> Estimate:
    """Bootstrap over levels of a statistic that takes the numbers of the levels drawn."""
    numbers = np.arange(levels, dtype=np.float64)[None]
    return bootstrap(numbers, lambda drawn: statistic(drawn[0].astype(np.int64)))


def _figures(results: Results, chosen: Bool[np.ndarray, " L"]) -> dict[str, Any]:
    env = results.suite.env
    measured = results.measured[:, chosen]
    middle = _estimate(measured, interquartile_mean, measures.is_share(env.measure))
    found = {
        env.measure: _estimate(measured, mean, measures.is_share(env.measure)),
        measures.rate_of(env): _estimate(results.solved[:, chosen], mean, share=True),
        "return": _estimate(results.episode_return[:, chosen], mean, share=False),
    }
    others = {name: estimate for name, estimate in found.items() if name != env.measure}
    return {
        env.measure: found[env.measure].value,
        **interval(found[env.measure]),
        "interquartile_mean": middle.value,
        "interquartile_interval": bounds(middle),
        **{name: estimate.value for name, estimate in others.items()},
        **{f"{name}_interval": bounds(estimate) for name, estimate in others.items()},
        "length": float(results.length[:, chosen].mean()),
        f"{env.measure}_by_seed": measured.mean(axis=(1, 2)).tolist(),
    }


def _estimate(attempts: Shaped[np.ndarray, "S L A"], statistic: Statistic, share: bool) -> Estimate:
    """Of means over attempts; from one seed at one level, of its attempts themselves."""
    scores = attempts.mean(axis=2, dtype=np.float64)
    if scores.size > 1:
        resample = bootstrap_of_shares if share else bootstrap
        return resample(scores, statistic, resamples=RESAMPLES)
    if share:
        return Estimate(scores.item(), *wilson(int(attempts.sum()), attempts.size), "attempts")
    alone = bootstrap(attempts[0].astype(np.float64), mean, resamples=RESAMPLES)
    return alone._replace(over="attempts")


def _levels(results: Results) -> dict[str, Any]:
    """Every level by name."""
    suite, measure = results.suite, results.suite.env.measure
    scores = results.scores.mean(axis=0)
    low, high, over = _level_intervals(results)
    beside = {
        measures.rate_of(suite.env): results.solve_rates.mean(axis=0),
        "return": results.episode_return.mean(axis=(0, 2), dtype=np.float64),
        "length": results.length.mean(axis=(0, 2)),
    }
    found = {}
    for level, name in enumerate(suite.levels):
        found[name] = {
            measure: float(scores[level]),
            "interval": bounds(Estimate(scores[level], low[level], high[level], over)),
            "interval_over": over,
            **{n: float(values[level]) for n, values in beside.items() if n != measure},
            "headline": bool(suite.headline[level]),
        }
        if suite.optimal_steps is not None:
            optimal = suite.optimal_steps[level]
            found[name] |= {"solvable": optimal is not None, "optimal_steps": optimal}
    return found


def _level_intervals(
    results: Results,
) -> tuple[Float[np.ndarray, " L"], Float[np.ndarray, " L"], Literal["seeds", "attempts"]]:
    """Of each level's mean over seeds; with one seed over its attempts, Wilson's for a share."""
    seeds, _, attempts = results.solved.shape
    share = measures.is_share(results.suite.env.measure)
    if seeds == 1 and share:
        pairs = [wilson(won, attempts) for won in results.solved[0].sum(axis=1).tolist()]
        low, high = np.array(pairs).T
        return low, high, "attempts"
    over = "seeds" if seeds > 1 else "attempts"
    scores = results.scores if seeds > 1 else results.measured[0].T
    low, high = _resampled_means(scores)
    for level in np.flatnonzero(low == high) if share else ():
        low[level], high[level] = wilson_of_alike(float(scores[:, level].mean()), seeds)
    return low, high, over


def _resampled_means(
    scores: Float[np.ndarray, "U L"],
) -> tuple[Float[np.ndarray, " L"], Float[np.ndarray, " L"]]:
    """Bootstrap bounds over U seeds or attempts of the mean at each level; NaN from one alone."""
    units, levels = scores.shape
    if units == 1:
        return np.full(levels, np.nan), np.full(levels, np.nan)
    draws = np.random.default_rng(0).integers(0, units, (RESAMPLES, units))
    share = np.stack([(draws == unit).mean(axis=1) for unit in range(units)], axis=1)
    bounds = np.empty((2, levels))
    for start in range(0, levels, 500):  # thousands of levels at once would not fit in memory
        some = slice(start, start + 500)
        bounds[:, some] = np.quantile(share @ scores[:, some], [0.025, 0.975], axis=0)
    values = scores.mean(axis=0)
    low, high = (
        np.array([snapped(b, v) for b, v in zip(bs, values, strict=True)]) for bs in bounds
    )
    return low, high
