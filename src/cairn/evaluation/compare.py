"""Paired differences between two runs, from the same levels and the same draws."""

from typing import Any

import numpy as np
from jaxtyping import Float

from cairn.core.stats import (
    Estimate,
    Statistic,
    bounds,
    interquartile_mean,
    interval,
    mean,
    paired_difference,
)
from cairn.evaluation.evaluate import Results


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
