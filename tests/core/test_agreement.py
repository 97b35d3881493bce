"""Rank correlations and the top against plain loops."""

import itertools

import numpy as np
import pytest

from cairn.core.agreement import agreement, resamples


def ranks(values):
    """Middle ranks by counting."""
    return np.array([sum(v < w for v in values) + sum(v == w for v in values) / 2 for w in values])


def tau_b(x, y):
    pairs = list(itertools.combinations(range(len(x)), 2))
    signs = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in pairs]
    both = sum(a * b for a, b in signs)
    return both / np.sqrt(sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs))


def repeated(x, counts):
    return np.repeat(x, counts.astype(int))


def test_correlations_with_ties_and_in_resamples_equal_plain_loops():
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 5, 12) / 3, rng.integers(-4, 4, 12) / 7
    weights = resamples(12, 6)
    assert (weights.sum(axis=1) == 12).all() and len(np.unique(weights, axis=0)) > 1
    got = agreement(x, y, weights)
    for r, counts in enumerate(weights):
        some = repeated(x, counts), repeated(y, counts)
        assert got.spearman[r] == pytest.approx(np.corrcoef(*map(ranks, some))[0, 1])
        assert got.kendall[r] == pytest.approx(tau_b(*some))
    once = agreement(x, y)
    assert once.spearman[0] == pytest.approx(np.corrcoef(ranks(x), ranks(y))[0, 1])
    assert once.kendall[0] == pytest.approx(tau_b(x, y))


def test_order_alone_counts_and_rounding_makes_no_order():
    x = np.arange(20.0)
    assert [v[0] for v in agreement(x, x**3)] == [1, 1, 1]
    assert [v[0] for v in agreement(-x, x)] == [-1, -1, 0]
    noise = np.array([0.1 + 0.2, 0.3, 0.7 - 0.4, 1.0])
    assert agreement(noise, np.array([1.0, 1, 1, 2])).kendall[0] == 1


def test_equal_things_share_the_top_and_without_spread_nothing_is_said():
    """Two places of twenty. By truth the first two; by score the first is in, two share a place."""
    truth = np.array([3.0, 2] + [0] * 18)
    score = np.array([9.0, 5, 5] + [1] * 17)
    assert agreement(score, truth).top[0] == pytest.approx((1 + 0.5) / 2)
    # A score that knows nothing reaches chance: eighteen share two places, two of them right.
    assert agreement(np.array([1.0] * 19 + [0]), truth).top[0] == pytest.approx(2 / 19)
    flat = agreement(np.ones(20), truth)
    assert np.isnan([flat.spearman, flat.kendall, flat.top]).all()
