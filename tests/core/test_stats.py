import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from cairn.core import stats

RNG = np.random.default_rng(0)


def column(values) -> np.ndarray:
    return np.asarray(values, float)[:, None]


def test_the_interquartile_mean_drops_a_quarter_at_either_end():
    scores = np.array([[0.0, 100.0, 3.0, 4.0], [5.0, 6.0, -50.0, 900.0]])
    assert stats.interquartile_mean(scores) == (3 + 4 + 5 + 6) / 4
    assert stats.interquartile_mean(column([0, 5, 7, 9, 100])) == 7
    assert stats.interquartile_mean(column([1, 2, 6])) == 3


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_interquartile_mean_equals_scipys_trimmed_mean(values):
    expected = scipy_stats.trim_mean(values, 0.25)
    np.testing.assert_allclose(stats.interquartile_mean(column(values)), expected, atol=1e-6)


def test_the_interval_of_a_mean_agrees_with_the_normal_one():
    scores = RNG.normal(3, 2, (400, 1))
    got = stats.bootstrap(scores, stats.mean)
    half = 1.96 * scores.std() / 20
    assert got.value == pytest.approx(scores.mean())
    assert got.low == pytest.approx(scores.mean() - half, abs=0.03)
    assert got.high == pytest.approx(scores.mean() + half, abs=0.03)
    assert got.over == "seeds"


def test_levels_of_one_agent_do_not_narrow_the_interval():
    one = RNG.normal(0, 1, (10, 1))
    repeated = np.repeat(one, 50, axis=1)
    got, expected = stats.bootstrap(repeated, stats.mean), stats.bootstrap(one, stats.mean)
    np.testing.assert_allclose(got[:3], expected[:3], atol=1e-12)


def test_one_seed_is_resampled_over_levels_and_says_so():
    got = stats.bootstrap(np.array([[0.0, 1.0, 0.0, 1.0]]), stats.mean)
    assert got.over == "levels" and got.low < 0.5 < got.high


def test_the_same_seed_gives_the_same_interval_and_equal_scores_no_width():
    scores = RNG.random((5, 8))
    assert stats.bootstrap(scores) == stats.bootstrap(scores)
    assert stats.bootstrap(scores) != stats.bootstrap(scores, seed=1)
    assert stats.bootstrap(np.full((5, 3), 0.25)) == (0.25, 0.25, 0.25, "seeds")


def test_a_constant_difference_is_exact_however_much_seeds_differ():
    ours = RNG.normal(0, 100, (6, 4))
    got = stats.paired_difference(ours, ours - 2)
    np.testing.assert_allclose(got[:3], 2)
    with pytest.raises(ValueError, match=r"equal shapes, got \(6, 4\) and \(6, 3\)"):
        stats.paired_difference(ours, ours[:, :3])


def test_wilson_solves_its_equation():
    for successes, trials in [(0, 10), (3, 10), (10, 10), (480, 1000)]:
        low, high = stats.wilson(successes, trials)
        expected = scipy_stats.binomtest(successes, trials).proportion_ci(method="wilson")
        np.testing.assert_allclose((low, high), expected, atol=1e-9)
    assert stats.wilson(0, 0) == (0, 1)


def test_no_bound_lies_beyond_the_rate_by_rounding():
    for trials in (*range(1, 60), 997):
        for successes in range(trials + 1):
            low, high = stats.wilson(successes, trials)
            assert 0 <= low <= successes / trials <= high <= 1
    for value in (0.1, 0.3, 0.7, 1 / 3):
        got = stats.bootstrap(np.full((5, 3), value), stats.mean)
        assert got.low <= got.value <= got.high


def test_one_score_has_no_interval():
    got = stats.bootstrap(np.array([[0.5]]), stats.mean)
    assert got.value == 0.5 and np.isnan([got.low, got.high]).all()


def test_risk_ranks_by_one_test_and_reports_the_other():
    ranking = np.array([0.9, 0.1, 0.5, 0.2])
    outcome = np.array([1.0, 0.4, 0.8, 0.6])
    assert stats.conditional_value_at_risk(ranking, outcome, 0.5) == pytest.approx(0.5)
    assert stats.conditional_value_at_risk(ranking, outcome, 0.01) == pytest.approx(0.4)
    assert stats.conditional_value_at_risk(ranking, outcome, 1) == pytest.approx(0.7)


def test_levels_that_tie_share_the_last_places():
    ranking = np.array([0.0, 0.5, 0.5, 0.5, 1.0])
    outcome = np.array([0.2, 0.0, 0.3, 0.6, 1.0])
    # Two places: the worst level, and a third of each of the three that tie.
    assert stats.conditional_value_at_risk(ranking, outcome, 0.4) == pytest.approx((0.2 + 0.3) / 2)


def test_luck_in_the_ranking_test_does_not_lower_the_risk():
    # All levels are equally hard; whichever look worst first are average the second time.
    ranking, outcome = RNG.binomial(10, 0.5, (2, 20_000)) / 10
    assert stats.conditional_value_at_risk(ranking, ranking, 0.01) < 0.2
    assert abs(stats.conditional_value_at_risk(ranking, outcome, 0.01) - 0.5) < 0.05


@pytest.mark.parametrize("alpha", [0, 1.5])
def test_an_impossible_share_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\]"):
        stats.conditional_value_at_risk(np.zeros(2), np.zeros(2), alpha)


def test_evenness_is_the_entropy_over_that_of_equal_shares():
    counts = np.array([3.0, 1.0, 0.0, 4.0])
    assert stats.evenness(counts) == pytest.approx(scipy_stats.entropy(counts) / np.log(4))
    assert stats.evenness(np.array([2.0, 2.0])) == pytest.approx(1)
    alone = stats.evenness(np.array([0.0, 5.0]))
    assert alone == 0 and not np.signbit(alone)
    assert stats.evenness(np.zeros(3)) is None and stats.evenness(np.ones(1)) is None


def test_the_probability_of_improvement_counts_pairs_of_seeds_level_by_level():
    ours = np.array([[1.0, 0.5], [0.0, 0.5]])
    theirs = np.array([[0.5, 0.5], [0.5, 0.0], [1.0, 1.0]])
    # Level 0: 1 beats .5, .5 and ties with 1; 0 beats none. Level 1: .5 ties, wins, loses; twice.
    expected = ((1 + 1 + 0.5 + 0) / 6 + 2 * (0.5 + 1 + 0) / 6) / 2
    found = stats.probability_of_improvement(ours, theirs)
    assert found.value == pytest.approx(expected)
    assert found.low <= found.value <= found.high and found.over == "seeds"
    back = stats.probability_of_improvement(theirs, ours)
    assert back.value == pytest.approx(1 - expected)
    # Nobody overlaps: certain, whichever seeds are drawn.
    sure = stats.probability_of_improvement(np.ones((3, 2)), np.zeros((4, 2)))
    assert sure[:3] == (1.0, 1.0, 1.0)
    assert np.isnan(stats.probability_of_improvement(ours[:1], theirs).low)
    with pytest.raises(ValueError, match="Both need the same levels"):
        stats.probability_of_improvement(ours, theirs[:, :1])
