"""Estimates with intervals, on the host.

Scores are (seeds, levels): what each trained agent reached on each level. Levels of one row share
an agent, so their errors are correlated and only seeds count as independent repetitions.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

Statistic = Callable[[np.ndarray], float]
"""From scores (seeds, levels) to one number."""


class Estimate(NamedTuple):
    """A value and its interval."""

    value: float
    low: float
    high: float
    over: Literal["seeds", "levels", "attempts"]
    """What was resampled. Over levels or attempts the interval says nothing about another training
    run."""


class Rate(NamedTuple):
    """A share with its 95 % interval; None where nothing was counted."""

    value: float | None
    low: float
    high: float
    of: int
    """How many were counted."""


def mean(scores: Float[np.ndarray, "seeds levels"]) -> float:
    """The mean over seeds and levels."""
    return float(scores.mean())


def interquartile_mean(scores: Float[np.ndarray, "seeds levels"]) -> float:
    """The mean of what is left when a quarter of the scores, rounded down, goes at either end.

    Source: Agarwal et al. 2021, arXiv:2108.13264, with the rounding of their published figures.
    """
    ordered = np.sort(scores, axis=None)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def bootstrap(
    scores: Float[np.ndarray, "seeds levels"],
    statistic: Statistic = interquartile_mean,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Percentile bootstrap over whole seeds; over levels where there is only one seed.

    From a single score there is no interval: its bounds are NaN.

    Differs from Agarwal et al. 2021, who resample seeds anew for every level: that takes the
    levels of one agent for independent and makes the interval too narrow.
    """
    return _percentile((scores,), statistic, confidence, resamples, seed)


def paired_difference(
    ours: Float[np.ndarray, "seeds levels"],
    theirs: Float[np.ndarray, "_ _"],
    statistic: Statistic = interquartile_mean,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """statistic(ours) - statistic(theirs), with both resampled by the same draws.

    Row by row and column by column the scores must belong together: same seed, same level.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"Pairs need equal shapes, got {ours.shape} and {theirs.shape}.")

    def difference(a: np.ndarray, b: np.ndarray) -> float:
        return statistic(a) - statistic(b)

    return _percentile((ours, theirs), difference, confidence, resamples, seed)


def probability_of_improvement(
    ours: Float[np.ndarray, "seeds levels"],
    theirs: Float[np.ndarray, "others _"],
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Chance that a seed of ours beats one of theirs on a level; ties count half, levels equally.

    The interval is a bootstrap over whole seeds, each side's apart (stratified).
    Source: Agarwal et al. 2021, arXiv:2108.13264.
    """
    if ours.shape[1] != theirs.shape[1]:
        raise ValueError(f"Both need the same levels, got {ours.shape} and {theirs.shape}.")
    # (seeds, others): the share of levels on which each pair is won.
    won = (ours[:, None] > theirs[None]) + 0.5 * (ours[:, None] == theirs[None])
    pairs = won.mean(axis=2)
    value = float(pairs.mean())
    if min(pairs.shape) < 2:
        return Estimate(value, np.nan, np.nan, "seeds")
    rng = np.random.default_rng(seed)
    rows, columns = (rng.integers(0, count, (resamples, count)) for count in pairs.shape)
    drawn = pairs[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2))
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value, snapped(low, value), snapped(high, value), "seeds")


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a success rate from independent trials. Wilson 1927; (0, 1) without trials.

    It always holds the rate itself, however it is rounded.
    """
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    rate, shrink = successes / trials, 1 + z**2 / trials
    centre = (rate + z**2 / (2 * trials)) / shrink
    half = z * math.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2)) / shrink
    low = centre - half if successes else 0.0
    high = centre + half if successes < trials else 1.0
    return min(low, rate), max(high, rate)


def rate(count: int, total: int) -> Rate:
    """A share with its Wilson interval."""
    low, high = wilson(count, total)
    return Rate(count / total if total else None, low, high, total)


def wilson_of_alike(share: float, units: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval where `units` seeds, levels or cells all have the same share.

    Resampled they have an interval of no width, which would claim certainty. Each counts as one
    draw; a share between 0 and 1 takes the lower end from the count rounded down and the upper end
    from the count rounded up.
    """
    count = round(share * units, 9)
    low, _ = wilson(math.floor(count), units, confidence=confidence)
    _, high = wilson(math.ceil(count), units, confidence=confidence)
    return low, high


def bootstrap_of_shares(
    scores: Float[np.ndarray, "seeds levels"],
    statistic: Statistic = interquartile_mean,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """`bootstrap` of shares in [0, 1]; where it finds no spread, `wilson_of_alike`."""
    found = bootstrap(scores, statistic, resamples=resamples, seed=seed)
    if found.low != found.high:  # or NaN: a single score has no interval
        return found
    units = scores.shape[0] if found.over == "seeds" else scores.shape[1]
    low, high = wilson_of_alike(found.value, units)
    return found._replace(low=low, high=high)


def interval(estimate: Estimate) -> dict[str, Any]:
    """The interval of an estimate and what it is over, for JSON."""
    return {"interval": bounds(estimate), "interval_over": estimate.over}


def bounds(estimate: Estimate) -> list[float | None]:
    """Both bounds, None where there are none."""
    return [None if np.isnan(bound) else bound for bound in (estimate.low, estimate.high)]


def conditional_value_at_risk(
    ranking: Float[np.ndarray, " levels"], outcome: Float[np.ndarray, " levels"], alpha: float
) -> float:
    """Mean `outcome` over the worst share `alpha` of levels by `ranking`.

    Two independent tests of one agent: one ranks the levels, the other is reported. Ranking and
    reporting by the same test would count its bad luck as difficulty.

    Source: Rutherford et al. 2024, arXiv:2408.15099. Differs: levels that tie with the last one
    let in share its places, where a sort would choose among them by their order.
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must lie in (0, 1], got {alpha}.")
    count = max(1, round(alpha * len(ranking)))
    last = np.sort(ranking)[count - 1]
    below, tied = ranking < last, ranking == last
    places = count - below.sum()
    return float((outcome[below].sum() + places * outcome[tied].mean()) / count)


def evenness(counts: Float[np.ndarray, " kinds"]) -> float | None:
    """Shannon's entropy of the shares over that of equal ones, in [0, 1]: Pielou's J.

    None for one kind, or where nothing was counted. Source: Pielou 1966, J. Theoret. Biol. 13.
    """
    if len(counts) < 2 or counts.sum() == 0:
        return None
    share = counts[counts > 0] / counts.sum()
    # Of one kind alone the sum is -0.0, and would be shown so.
    return max(0.0, float(-(share * np.log(share)).sum() / np.log(len(counts))))


def _percentile(
    scores: tuple[np.ndarray, ...],
    statistic: Callable[..., float],
    confidence: float,
    resamples: int,
    seed: int,
) -> Estimate:
    axis = 0 if scores[0].shape[0] > 1 else 1
    count = scores[0].shape[axis]
    draws = np.random.default_rng(seed).integers(0, count, (resamples, count))
    # One at a time: all resamples of 10,000 levels at once would not fit in memory.
    resampled = [statistic(*(np.take(s, draw, axis) for s in scores)) for draw in draws]
    tail = (1 - confidence) / 2
    value = statistic(*scores)
    low, high = np.quantile(resampled, [tail, 1 - tail]) if count > 1 else (np.nan, np.nan)
    return Estimate(value, snapped(low, value), snapped(high, value), ("seeds", "levels")[axis])


def snapped(bound: float | np.floating, value: float) -> float:
    """`bound`, or `value` where they differ by rounding alone: no value lies 1e-17 outside."""
    return value if math.isclose(bound, value, rel_tol=1e-12, abs_tol=1e-12) else float(bound)
