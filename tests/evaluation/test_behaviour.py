import itertools
import json
import math

import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.evaluation import diversity, drift, passing
from cairn.evaluation.behaviour import Answers, figures, gap, powers

RNG = np.random.default_rng(0)


def test_a_pass_among_k_is_that_of_all_sets_of_k():
    rows = RNG.random((6, 7)) < 0.3
    rows[0], rows[1] = False, True
    for k in (1, 3, 7):
        sets = list(itertools.combinations(range(7), k))
        wanted = [np.mean([row[list(chosen)].any() for chosen in sets]) for row in rows]
        np.testing.assert_allclose(passing.pass_at(rows, k), wanted, atol=1e-12)
    golden = np.arange(8)[None] < 2
    assert passing.pass_at(golden, 4)[0] == pytest.approx(0.78571, abs=1e-5)
    many = np.arange(20_000)[None] < 1
    assert passing.pass_at(many, 10_000)[0] == pytest.approx(0.5)
    with pytest.raises(ConfigError, match=r"k must lie in \[1, 8\], the answers there are; got 9"):
        passing.pass_at(golden, 9)


def test_the_best_of_k_is_that_of_all_sets_of_k_with_ties_shared():
    correct, score = RNG.random((4, 6)) < 0.5, RNG.integers(0, 4, (4, 6)).astype(np.float64)
    for k in (1, 2, 4, 6):
        wanted = []
        for values, scores in zip(correct, score, strict=True):
            worth = []
            for chosen in map(list, itertools.combinations(range(6), k)):
                # Ties are between all of one score, drawn or not: the mean of their group.
                best = scores[chosen].max()
                worth.append(values[scores == best].mean())
            wanted.append(np.mean(worth))
        np.testing.assert_allclose(passing.best_of(correct, score, k), wanted, atol=1e-12)


def test_the_commonest_answer_counts_and_the_earlier_of_equals():
    canonical = np.array([[1, 2, 2, 3], [1, 2, 2, 1]], np.uint32)
    correct = canonical == 2
    assert passing.majority_at(correct, canonical, 4).tolist() == [1, 0]
    assert passing.majority_at(correct, canonical, 2).tolist() == [0.5, 0.5]
    assert passing.majority_at(correct, canonical, 3).tolist() == [1, 1]


def test_draws_until_the_second_pass_estimate_rare_passes_without_bias():
    row = np.array([[False] * 3 + [True] + [False] * 5 + [True] * 9, [False] * 17 + [True]])
    until = passing.pass_until(row, 2)
    assert until.draws.tolist() == [10, 18] and until.passes.tolist() == [2, 1]
    assert until.likely[0] == pytest.approx(0.2) and until.unbiased[0] == pytest.approx(1 / 9)
    assert until.cut.tolist() == [False, True] and until.unbiased[1] == pytest.approx(1 / 18)
    rate = 1e-2
    many = passing.pass_until(RNG.random((2000, 3000)) < rate, 2)
    assert not many.cut.any()
    error = many.unbiased.std() / math.sqrt(2000)
    assert abs(many.unbiased.mean() - rate) < 4 * error
    assert many.likely.mean() > rate + 10 * error  # r / K is about twice too high
    with pytest.raises(ConfigError, match="r must be at least 2, got 1"):
        passing.pass_until(row, 1)
    with pytest.raises(ConfigError, match="19 passes need as many draws, got 18"):
        passing.pass_until(row, 19)


def test_a_law_foretells_what_follows_it():
    sizes = np.array([1e4, 3e4, 1e5])
    law = passing.law(sizes, np.exp(-40 * sizes**-0.3))
    assert (law.scale, law.power) == pytest.approx((40, 0.3))
    assert law.at(1e6) == pytest.approx(math.exp(-40 * 1e6**-0.3))
    with pytest.raises(ConfigError, match="two models or more with rates between 0 and 1"):
        passing.law(sizes, np.array([0.0, 0.1, 0.2]))


def test_expected_distinct_is_adjusted_for_length_and_counts_ngrams_within_texts():
    assert diversity.expected_distinct([[1, 2, 1]], 1, 10) == pytest.approx(0.73801, abs=1e-5)
    assert diversity.distinct([[1, 2], [1, 2, 3]], 2) == pytest.approx(2 / 3)  # (1, 2) twice
    assert diversity.expected_distinct([[1, 2], [1, 2]], 2, 1000) == pytest.approx(0.5, rel=1e-5)
    assert diversity.expected_distinct([[1]], 2, 10) is None is diversity.distinct([[1]], 2)
    # Random texts of any length have all the variety there is; plain distinct falls.
    long, short = RNG.integers(0, 10, (1, 400)).tolist(), RNG.integers(0, 10, (1, 20)).tolist()
    assert diversity.expected_distinct(long, 1, 10) == pytest.approx(1, abs=1e-6)
    assert diversity.distinct(long, 1) < 0.1 < diversity.distinct(short, 1)
    with pytest.raises(ConfigError, match="vocabulary must be at least 2, got 1"):
        diversity.expected_distinct([[1]], 1, 1)


def test_diversity_is_within_prompts_or_from_prompt_to_prompt():
    collapsed = [[[1, 2], [1, 2]], [[3, 4], [3, 4]]]
    metric = lambda texts: diversity.distinct(texts, 1)  # noqa: E731
    assert diversity.per_input(metric, collapsed) == 0.5
    assert diversity.across_input(metric, collapsed) == 1
    canonical = np.array([[1, 1, 2, 3], [7, 8, 9, 9]], np.uint32)
    correct = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], bool)
    assert diversity.distinct_valid(correct, canonical).tolist() == [2, 0]


def test_diversity_of_embeddings_is_of_pairs_and_agreement_counts_against_it():
    rows = RNG.normal(size=(5, 3))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    pairs = [unit[a] @ unit[b] for a, b in itertools.combinations(range(5), 2)]
    assert diversity.embedding_diversity(rows) == pytest.approx(1 - np.mean(pairs))
    assert diversity.embedding_diversity(np.tile(rows[:1], (4, 1))) == pytest.approx(0)
    assert diversity.embedding_diversity(rows[:1]) is None
    sure, never = np.ones(2), np.zeros(2)
    assert diversity.contradiction_diversity(sure, never) == 1
    assert diversity.contradiction_diversity(never, sure) == -1


def test_divergence_is_estimated_on_sampled_tokens_alone():
    logp, start = np.zeros((1, 3)), np.array([[0.5, 0.5, -np.inf]])
    mask = np.array([[1.0, 0.0, 0.0]])
    assert drift.divergence(logp, start, mask)[0] == pytest.approx(0.14872, abs=1e-5)
    assert drift.divergence(logp, start, mask, "k1")[0] == -0.5
    assert drift.divergence(logp, start, mask, "k2")[0] == 0.125
    # Over samples both unbiased ones give the divergence itself.
    p, q = np.array([0.7, 0.3]), np.array([0.5, 0.5])
    exact = (p * np.log(p / q)).sum()
    for name in ("k1", "k3"):
        each = drift.divergence(np.log(p)[:, None], np.log(q)[:, None], np.ones((2, 1)), name)
        assert (p * each).sum() == pytest.approx(exact)


def test_entropy_is_that_of_the_distribution_even_with_impossible_symbols():
    assert drift.entropy(np.log([0.5, 0.25, 0.25])) == pytest.approx(1.5 * math.log(2))
    assert drift.entropy(np.array([3.0, 3.0, -np.inf])) == pytest.approx(math.log(2))


def test_revisions_count_what_they_mend_and_what_they_spoil():
    quality = np.array([[0.5, 1.0, 0.5], [1.0, 1.0, 1.0], [0.2, 0.4, 1.0], [1.0, 0.9, 0.8]])
    told = drift.revisions(quality)
    assert told.corrected.tolist() == [0.25, 0.25] and told.spoiled.tolist() == [0.25, 0.25]
    np.testing.assert_allclose(told.quality, quality.mean(0))


def made(correct):
    tokens = np.tile(np.array([5, 6, 2, 0]), (2, 4, 1))
    tokens[0, 0] = [7, 2, 0, 0]
    mask = np.where(tokens > 0, 1.0, 0.0)
    logp = np.full(tokens.shape, -0.5)
    canonical = np.array([[1, 2, 2, 3]] * 2, np.uint32)
    truncated = np.zeros((2, 4), bool)
    truncated[1, 3] = True
    quality = correct.astype(np.float64)
    return Answers(tokens, mask, correct, quality, canonical, truncated, logp, logp - 0.1 * mask)


def test_figures_of_a_split_fit_json_and_name_what_does_not_exist():
    correct = np.array([[1, 1, 1, 0], [0, 0, 0, 0]], bool)
    found = figures(made(correct), vocabulary=8)
    assert json.loads(json.dumps(found)) == found and powers(9) == (1, 2, 4, 8)
    assert found["pass@1"] == 0.375 and found["pass@4"] == 0.5 and found["majority@4"] == 0.5
    assert found["distinct_valid"] == 1 and found["truncated"] == 0.125
    assert found["length"] == pytest.approx(23 / 8)
    assert found["length_of_correct"] == pytest.approx(8 / 3)
    assert found["length_of_wrong"] == 3 and found["negative_log_likelihood"] == 0.5
    assert found["kl_to_start_per_token"] == pytest.approx(math.exp(-0.1) - 0.9)
    worse = figures(made(np.zeros((2, 4), bool))._replace(logp=None), vocabulary=8)
    assert worse["length_of_correct"] is None and "negative_log_likelihood" not in worse
    assert gap(found, worse) == {
        "pass@1": 0.375, "pass@2": found["pass@2"], "pass@4": 0.5, "quality": 0.375,
    }  # fmt: skip
