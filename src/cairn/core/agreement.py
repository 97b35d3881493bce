"""How well a score puts things into the order of the truth, on the host.

Everything is computed for R resamples at once by products of matrices: resample r holds thing i
`weights[r, i]` times. Things N, so memory goes with N², and a thousand of them are no trouble.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

TOP = 0.1
"""The share of things that `Agreement.top` is about."""
NEAR = 1e-6
"""Values this near, in shares of the largest, are one: floats that should be equal seldom are."""


class Agreement(NamedTuple):
    """Of R resamples; NaN where score or truth is the same for all that is in one."""

    spearman: Float[np.ndarray, " R"]
    """Spearman's ρ: Pearson's correlation of the ranks, ties at the middle of theirs."""
    kendall: Float[np.ndarray, " R"]
    """Kendall's τ_b."""
    top: Float[np.ndarray, " R"]
    """Of the `TOP` by score, the share that is in the `TOP` by truth. Which of several equal
    things is in is left to chance, and this is what comes of it in the mean: without any relation
    `TOP` itself."""


def agreement(
    score: Float[np.ndarray, " N"],
    truth: Float[np.ndarray, " N"],
    weights: Float[np.ndarray, "R N"] | None = None,
) -> Agreement:
    """How well `score` orders N things that `truth` values. Without weights once, each thing once.

    Source: Kendall 1945, Biometrika 33(3), for ties in both.
    """
    if weights is None:
        weights = np.ones((1, len(score)))
    x, y = _settled(score), _settled(truth)
    with np.errstate(invalid="ignore", divide="ignore"):
        spearman = _pearson(_ranks(x, weights), _ranks(y, weights), weights)
        kendall = _tau(x, y, weights)
        top = _top(x, weights) * _top(y, weights) * weights
        share = top.sum(axis=1) / _places(weights)
    return Agreement(spearman, kendall, np.where(np.isnan(spearman), np.nan, share))


def resamples(things: int, number: int, seed: int = 0) -> Float[np.ndarray, "R N"]:
    """How often each thing is in each of `number` bootstrap resamples."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(things, np.full(things, 1 / things), number).astype(np.float64)


def _settled(values: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """In steps of `NEAR`: the order alone matters."""
    largest = np.abs(values).max(initial=0.0)
    return np.round(values / largest / NEAR) if largest > 0 else np.zeros(len(values))


def _ranks(x: Float[np.ndarray, " N"], weights: Float[np.ndarray, "R N"]) -> np.ndarray:
    below = (x[:, None] < x[None, :]) + 0.5 * (x[:, None] == x[None, :])
    return weights @ below


def _pearson(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Row by row. Ranks are whole or half numbers, so that no spread is exactly 0."""
    total = weights.sum(axis=1, keepdims=True)
    x = x - (weights * x).sum(axis=1, keepdims=True) / total
    y = y - (weights * y).sum(axis=1, keepdims=True) / total
    spread = (weights * x * x).sum(axis=1), (weights * y * y).sum(axis=1)
    flat = (spread[0] < 1e-9) | (spread[1] < 1e-9)
    found = (weights * x * y).sum(axis=1) / np.sqrt(spread[0] * spread[1])
    return np.where(flat, np.nan, np.clip(found, -1.0, 1.0))


def _tau(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    above, over = np.sign(x[:, None] - x[None, :]), np.sign(y[:, None] - y[None, :])

    def pairs(signs: np.ndarray) -> np.ndarray:
        return ((weights @ signs) * weights).sum(axis=1)

    return pairs(above * over) / np.sqrt(pairs(np.abs(above)) * pairs(np.abs(over)))


def _places(weights: np.ndarray) -> np.ndarray:
    return np.maximum(1.0, np.round(TOP * weights.sum(axis=1)))


def _top(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Chance of each thing to be in the top, equal ones sharing the places that are left."""
    above = weights @ (x[:, None] > x[None, :]).astype(np.float64)
    equal = weights @ (x[:, None] == x[None, :]).astype(np.float64)
    left = _places(weights)[:, None] - above
    return np.clip(left / np.maximum(equal, 1.0), 0.0, 1.0)
