"""Scores on hand-made traces, computed by hand or by a plain loop over episodes."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.core.errors import ConfigError
from cairn.core.returns import gae, one_step_td
from cairn.core.trace import Trace
from cairn.score import SCORES, BestReturn, episode_statistics, find, unseen
from cairn.score.catalogue import describe
from cairn.score.episodes import episode_means
from cairn.score.learnability import LEARNABILITY, UNKNOWN, Attempts, Learnability, estimate
from cairn.score.paired import FlexibleRegret, PopulationRegret, Regret
from cairn.score.regret import MaxMC

T, B = 7, 3
GAMMA, LAM = 0.9, 0.8
BEST = 3.0
"""What the oracle says of every level here."""
of_players = {
    name: jax.jit(find(name).told(jnp.full(B, BEST)).__call__, static_argnums=(2, 3))
    for name in SCORES
}
statistics = jax.jit(episode_statistics)
advantages = jax.jit(lambda trace: (gae(trace, GAMMA, LAM), one_step_td(trace, GAMMA)))


def score_of(name, trace, memory, gamma=GAMMA, lam=LAM):
    """Whoever plays, plays the same."""
    return of_players[name](dict.fromkeys(find(name).roles, trace), memory, gamma, lam)


def trace_of(reward, terminated, *, truncated=None, solved=None, value=None) -> Trace:
    """One column, repeated B times."""

    def column(x, dtype):
        return jnp.tile(jnp.asarray(x, dtype)[:, None], (1, B))

    zero = [0] * T
    return Trace(
        observation=column(zero, jnp.float32),
        action=column(zero, jnp.int32),
        log_prob=column(zero, jnp.float32),
        value=column(value or zero, jnp.float32),
        reward=column(reward, jnp.float32),
        terminated=column(terminated, bool),
        truncated=column(truncated or zero, bool),
        solved=column(solved or zero, bool),
        final_value=column(zero, jnp.float32),
        last_value=jnp.zeros(B, jnp.float32),
    )


# Two episodes (3 and 2 steps: one terminated, one cut by the time limit), then a part of one.
TWO = trace_of(
    reward=[0, 0, 1, 0, 2, 50, 50],
    terminated=[0, 0, 1, 0, 0, 0, 0],
    truncated=[0, 0, 0, 0, 1, 0, 0],
    solved=[0, 0, 1, 0, 0, 0, 0],
    value=[1, 2, 3, 4, 6, -80, 90],
)
PARTIAL = trace_of(reward=[1] * T, terminated=[0] * T, value=[5] * T)
NEGATIVE = trace_of(
    reward=[-1, -1, -1, -1, -1, -1, -1],
    terminated=[0, 1, 0, 0, 1, 0, 0],
    value=[-1, -1, -4, -4, -4, 0, 0],
)


def test_statistics_ignore_the_trailing_part():
    got = statistics(TWO)
    assert got.finished.tolist() == [2] * B
    assert got.success_rate.tolist() == [0.5] * B
    assert got.mean_return.tolist() == [1.5] * B
    assert got.best_return.tolist() == [2.0] * B
    assert got.mean_length.tolist() == [2.5] * B


def test_every_episode_counts_the_same_however_long():
    mean, finished = episode_means(TWO.value, TWO.done)
    assert finished.tolist() == [2] * B
    assert mean.tolist() == [pytest.approx((2.0 + 5.0) / 2)] * B


@pytest.mark.parametrize("name", SCORES)
def test_no_complete_episode_is_unscored_and_leaves_the_memory(name):
    score = find(name)
    memory = score_of(name, TWO, score.unseen(B)).seen
    got = score_of(name, PARTIAL, memory)
    assert got.valid.tolist() == [False] * B
    assert got.score.tolist() == [0.0] * B
    after = score.merge(memory, got.seen)
    assert jax.tree.map(lambda leaf: leaf.tolist(), after) == jax.tree.map(
        lambda leaf: leaf.tolist(), memory
    )
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(got))


@pytest.mark.parametrize("name", SCORES)
def test_the_first_visit_is_remembered_as_it_was_seen(name):
    score = find(name)
    got = score_of(name, TWO, score.unseen(B))
    after = score.merge(score.unseen(B), got.seen)
    for ours, theirs in zip(jax.tree.leaves(after), jax.tree.leaves(got.seen), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if score.renew is not None:
        np.testing.assert_array_equal(score.renew(after), got.score)


def test_maxmc_by_hand():
    got = score_of("maxmc", TWO, unseen(B))
    assert got.score.tolist() == [pytest.approx(2.0 - 3.5)] * B
    assert got.seen.best_return.tolist() == [2.0] * B


def test_perfect_regret_by_hand():
    assert score_of("perfect-regret", TWO, ()).score.tolist() == [pytest.approx(BEST - 1.5)] * B
    with pytest.raises(ValueError, match="told"):
        find("perfect-regret")(dict.fromkeys(["student"], TWO), (), GAMMA, LAM)


def test_maxmc_never_forgets_a_better_return():
    # minimax 0.2.0 compares with the stored maximum and stores back only the latest.
    memory = score_of("maxmc", TWO, unseen(B)).seen
    second = score_of("maxmc", NEGATIVE, memory)
    assert second.score.tolist() == [pytest.approx(2.0 + 2.5)] * B
    memory = MaxMC().merge(memory, second.seen)
    assert memory.best_return.tolist() == [2.0] * B


def test_the_best_of_negative_returns_is_negative():
    # Accumulators that start at 0 report 0 here, and so a regret that nobody can close.
    got = score_of("maxmc", NEGATIVE, unseen(B))
    assert statistics(NEGATIVE).best_return.tolist() == [-2.0] * B
    assert got.seen.best_return.tolist() == [-2.0] * B
    assert got.score.tolist() == [pytest.approx(-2.0 + 2.5)] * B
    # A memory of zeros that was never seen is no return of 0.
    zeros = BestReturn(jnp.zeros(B), jnp.zeros(B, bool))
    assert score_of("maxmc", NEGATIVE, zeros).score.tolist() == got.score.tolist()


@pytest.mark.parametrize(("solved", "expected"), [(0, 0.0), (1, 0.5), (2, 0.0)])
def test_learnability_of_two_attempts(solved, expected):
    ends = [0, 0, 1, 0, 1, 0, 0]
    wins = [e if sum(ends[: t + 1]) <= solved else 0 for t, e in enumerate(ends)]
    trace = trace_of([0] * T, ends, solved=wins)
    got = score_of("learnability", trace, LEARNABILITY.unseen(B))
    assert got.valid.all() and got.score.tolist() == [expected] * B


def pooled(visits, score=LEARNABILITY) -> Attempts:
    """The memory after visits of (successes, attempts)."""
    memory = score.unseen()
    for successes, attempts in visits:
        n = jnp.float32(attempts)
        memory = score.merge(memory, Attempts(jnp.float32(successes), n, n))
    return memory


def test_one_attempt_scores_what_one_attempt_tells_of_a_level_of_which_nothing_is_known():
    """The mean of p (1 - p) over what p may be after one attempt, every p as likely before."""
    p = (np.arange(10_000) + 0.5) / 10_000
    for solved, chance in ((1, p), (0, 1 - p)):
        trace = trace_of([0] * T, [0, 0, 1, 0, 0, 0, 0], solved=[0, 0, solved, 0, 0, 0, 0])
        got = score_of("learnability", trace, LEARNABILITY.unseen(B))
        assert got.valid.all() and got.seen.attempts.tolist() == [1] * B
        assert got.score.tolist() == [pytest.approx(UNKNOWN)] * B
        assert (chance * p * (1 - p)).sum() / chance.sum() == pytest.approx(UNKNOWN, rel=1e-4)


@pytest.mark.parametrize("visits", [(1, 1), (3, 1), (1, 2, 1, 1), (2, 0, 3)])
def test_learnability_pooled_over_visits_is_unbiased(visits):
    """Every outcome of the attempts, weighted by its chance under p: the mean is p (1 - p)."""
    p, total = 0.3, sum(visits)
    wins = (np.arange(2**total)[:, None] >> np.arange(total)) & 1
    memory = LEARNABILITY.unseen(len(wins))
    for first, k in zip(np.cumsum([0, *visits[:-1]]), visits, strict=True):
        successes = wins[:, first : first + k].sum(axis=1).astype(np.float32)
        attempts = jnp.full(len(wins), k, jnp.float32)
        memory = LEARNABILITY.merge(memory, Attempts(jnp.asarray(successes), attempts, attempts))
    chance = p ** wins.sum(axis=1) * (1 - p) ** (total - wins.sum(axis=1))
    mean = float((np.asarray(estimate(memory), np.float64) * chance).sum())
    assert mean == pytest.approx(p * (1 - p), rel=1e-5)


def test_a_level_that_fails_once_a_cycle_gets_a_score():
    """As at the defaults, where an episode that fails takes 250 of a cycle's 256 steps."""
    ends = [0, 0, 0, 0, 0, 1, 0]
    failed = trace_of([0] * T, ends)
    solved = trace_of([0] * T, ends, solved=ends)
    memory = LEARNABILITY.unseen(B)
    for trace in (failed, solved, failed):
        got = score_of("learnability", trace, memory)
        memory = LEARNABILITY.merge(memory, got.seen)
        assert got.valid.all()
    w = 0.8 ** np.arange(3)
    rate, n = w[1] / w.sum(), w.sum() ** 2 / (w**2).sum()
    assert got.score.tolist() == [pytest.approx(n / (n - 1) * rate * (1 - rate), rel=1e-5)] * B


def test_a_mastered_level_is_forgotten_and_old_episodes_count_for_little():
    scores = [float(estimate(pooled([(0, 1)] * 5 + [(1, 1)] * m))) for m in range(1, 21)]
    assert scores[2] > 0.2  # three successes after five failures: just learned
    assert all(a > b for a, b in itertools.pairwise(scores[3:]))
    assert scores[10] < 0.07 and scores[-1] < 0.012
    memory = pooled([(0, 1)] * 200)
    assert float(memory.attempts**2 / memory.squares) == pytest.approx(9, rel=1e-3)


def test_a_visit_that_shows_nothing_does_not_fade_the_memory():
    assert pooled([(1, 3), (0, 0), (0, 0)]) == pooled([(1, 3)])


def test_what_is_remembered_must_be_a_share():
    with pytest.raises(ConfigError, match=r"remembered must lie in \[0.5, 1\], got 1.5"):
        Learnability(remembered=1.5)


def test_regret_is_the_antagonist_s_best_less_the_student_s_mean():
    def regret(student, other, **fields):
        return Regret(**fields)({"student": student, "antagonist": other}, (), GAMMA, LAM)

    # TWO has returns 1 and 2; NEGATIVE has -2 and -3; PARTIAL finishes nothing.
    assert regret(NEGATIVE, TWO).score.tolist() == [2.0 + 2.5] * B
    assert regret(NEGATIVE, TWO, antagonist="mean").score.tolist() == [1.5 + 2.5] * B
    assert regret(TWO, NEGATIVE).score.tolist() == [0.0] * B
    assert regret(TWO, NEGATIVE, clip=False).score.tolist() == [-2.0 - 1.5] * B
    for pair in ((TWO, PARTIAL), (PARTIAL, TWO)):
        assert not regret(*pair).valid.any() and not regret(*pair).score.any()


def test_regret_is_known_where_every_player_finished_an_episode():
    scores = [Regret(), FlexibleRegret(), PopulationRegret(("student", "antagonist"))]
    for unfinished in ("student", "antagonist"):
        traces = {"student": TWO, "antagonist": TWO} | {unfinished: PARTIAL}
        found = jax.jit(lambda traces: [score(traces, (), 1.0, 1.0) for score in scores])(traces)
        assert not any(one.valid.any() or one.score.any() for one in found)


def test_learnability_is_unbiased():
    # Every outcome of k = 3 attempts, weighted by its chance under p = 0.3: the mean is p (1 - p).
    p, mean = 0.3, 0.0
    for outcome in range(8):
        wins = [(outcome >> i) & 1 for i in range(3)]
        solved = [wins[0], 0, wins[1], 0, wins[2], 0, 0]
        trace = trace_of([0] * T, [1, 0, 1, 0, 1, 0, 0], solved=solved)
        score = score_of("learnability", trace, LEARNABILITY.unseen(B)).score[0]
        mean += float(score) * p ** sum(wins) * (1 - p) ** (3 - sum(wins))
    assert mean == pytest.approx(p * (1 - p), rel=1e-5)


def loop(metric, done, reward):
    """Mean of episode means, best return and count of one column."""
    means, returns, start = [], [], 0
    for t in range(T):
        if done[t]:
            means.append(np.mean(metric[start : t + 1]))
            returns.append(np.sum(reward[start : t + 1]))
            start = t + 1
    return means, returns


@settings(max_examples=60)
@given(st.integers(0, 2**31))
def test_scores_equal_a_loop_over_episodes(seed):
    rng = np.random.default_rng(seed)
    reward, value, final = rng.normal(size=(3, T, B)).astype(np.float32)
    ends, limit = rng.random((T, B)) < 0.3, rng.random((T, B)) < 0.5
    trace = trace_of([0] * T, [0] * T)._replace(
        reward=jnp.asarray(reward),
        value=jnp.asarray(value),
        terminated=jnp.asarray(ends & ~limit),
        truncated=jnp.asarray(ends & limit),
        final_value=jnp.asarray(np.where(ends & limit, final, 0)),
        last_value=jnp.asarray(rng.normal(size=B).astype(np.float32)),
    )
    advantage, td = (np.asarray(x) for x in advantages(trace))
    metrics = {
        "positive-value-loss": np.maximum(advantage, 0),
        "l1-value-loss": np.abs(advantage),
        "one-step-td": np.abs(td),
    }
    never = unseen().best_return
    before = BestReturn(jnp.array([0.5, -0.5, never]), jnp.array([True, True, False]))
    for name in (*metrics, "maxmc"):
        got = score_of(name, trace, before)
        for b in range(B):
            means, returns = loop(metrics.get(name, -value)[:, b], ends[:, b], reward[:, b])
            assert bool(got.valid[b]) == bool(means)
            known = [float(before.best_return[b])] * bool(before.seen[b]) + returns
            after = MaxMC().merge(before, got.seen)
            assert bool(after.seen[b]) == bool(known)
            if known:
                assert float(after.best_return[b]) == pytest.approx(max(known), abs=1e-5)
            if means:
                base = max(known) if name == "maxmc" else 0.0
                assert float(got.score[b]) == pytest.approx(base + np.mean(means), abs=1e-5)


def test_a_time_limit_counts_as_an_end_but_not_as_a_loss_of_value():
    # Same rewards and values; the state at the cut is worth what the critic said: no TD error.
    ended = trace_of([0] * T, [0, 0, 0, 0, 0, 0, 1], value=[1] * T)
    cut = trace_of([0] * T, [0] * T, truncated=[0, 0, 0, 0, 0, 0, 1], value=[1] * T)
    cut = cut._replace(final_value=cut.truncated.astype(jnp.float32))
    score = lambda trace: score_of("one-step-td", trace, unseen(B), gamma=1.0).score[0]  # noqa: E731
    assert score(ended) == pytest.approx(1 / 7)
    assert score(cut) == pytest.approx(0.0)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_has_one_line_that_describes_it(name):
    line = describe(name)
    assert 20 < len(line) < 100 and line.endswith(".")


class Halves(MaxMC):
    """A score from outside the catalogue."""


def test_a_score_of_one_s_own_is_found_by_its_address():
    assert isinstance(find(f"{__name__}:Halves"), Halves)
    with pytest.raises(ConfigError, match=r"not a score: expected .* got int"):
        find(f"{__name__}:T")


def test_an_unknown_score_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"Unknown score 'learnabilty'.*Did you mean 'learnabil"):
        find("learnabilty")
