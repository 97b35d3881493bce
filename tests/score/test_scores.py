"""Scores on hand-made traces, computed by hand or by a plain loop over episodes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.core.returns import gae, one_step_td
from cairn.core.trace import Trace
from cairn.score import SCORES, Memory, episode_statistics, unseen
from cairn.score.catalogue import describe
from cairn.score.episodes import episode_means

T, B = 7, 3
GAMMA, LAM = 0.9, 0.8
scores = {name: jax.jit(score, static_argnums=(2, 3)) for name, score in SCORES.items()}
statistics = jax.jit(episode_statistics)
advantages = jax.jit(lambda trace: (gae(trace, GAMMA, LAM), one_step_td(trace, GAMMA)))


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
    memory = Memory(jnp.array([-3.0, 2.0, 0.0]), jnp.array([True, True, False]))
    got = scores[name](PARTIAL, memory, GAMMA, LAM)
    assert got.valid.tolist() == [False] * B
    assert got.score.tolist() == [0.0] * B
    assert got.memory.seen.tolist() == memory.seen.tolist()
    assert got.memory.best_return[:2].tolist() == [-3.0, 2.0]
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(got))


def test_maxmc_by_hand():
    got = scores["maxmc"](TWO, unseen(B), GAMMA, LAM)
    assert got.score.tolist() == [pytest.approx(2.0 - 3.5)] * B
    assert got.memory.best_return.tolist() == [2.0] * B


def test_maxmc_never_forgets_a_better_return():
    # minimax 0.2.0 compares with the stored maximum and stores back only the latest.
    first = scores["maxmc"](TWO, unseen(B), GAMMA, LAM)
    second = scores["maxmc"](NEGATIVE, first.memory, GAMMA, LAM)
    assert second.memory.best_return.tolist() == [2.0] * B
    assert second.score.tolist() == [pytest.approx(2.0 + 2.5)] * B
    kept = scores["maxmc"](PARTIAL, second.memory, GAMMA, LAM).memory
    assert kept.best_return.tolist() == [2.0] * B


def test_the_best_of_negative_returns_is_negative():
    # Accumulators that start at 0 report 0 here, and so a regret that nobody can close.
    got = scores["maxmc"](NEGATIVE, unseen(B), GAMMA, LAM)
    assert statistics(NEGATIVE).best_return.tolist() == [-2.0] * B
    assert got.memory.best_return.tolist() == [-2.0] * B
    assert got.score.tolist() == [pytest.approx(-2.0 + 2.5)] * B
    # A memory of zeros that was never seen is no return of 0.
    zeros = Memory(jnp.zeros(B), jnp.zeros(B, bool))
    assert scores["maxmc"](NEGATIVE, zeros, GAMMA, LAM).memory.best_return.tolist() == [-2.0] * B


@pytest.mark.parametrize(("solved", "expected"), [(0, 0.0), (1, 0.5), (2, 0.0)])
def test_learnability_of_two_attempts(solved, expected):
    ends = [0, 0, 1, 0, 1, 0, 0]
    wins = [e if sum(ends[: t + 1]) <= solved else 0 for t, e in enumerate(ends)]
    trace = trace_of([0] * T, ends, solved=wins)
    got = scores["learnability"](trace, unseen(B), GAMMA, LAM)
    assert got.valid.all() and got.score.tolist() == [expected] * B


def test_learnability_of_one_attempt_is_unscored():
    trace = trace_of([0] * T, [0, 0, 1, 0, 0, 0, 0], solved=[0, 0, 1, 0, 0, 0, 0])
    got = scores["learnability"](trace, unseen(B), GAMMA, LAM)
    assert not got.valid.any() and got.memory.seen.all()


def test_learnability_is_unbiased():
    # Every outcome of k = 3 attempts, weighted by its chance under p = 0.3: the mean is p (1 - p).
    p, mean = 0.3, 0.0
    for outcome in range(8):
        wins = [(outcome >> i) & 1 for i in range(3)]
        solved = [wins[0], 0, wins[1], 0, wins[2], 0, 0]
        trace = trace_of([0] * T, [1, 0, 1, 0, 1, 0, 0], solved=solved)
        score = scores["learnability"](trace, unseen(B), GAMMA, LAM).score[0]
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
    before = Memory(jnp.array([0.5, -0.5, 0.0]), jnp.array([True, True, False]))
    for name in (*metrics, "maxmc"):
        got = scores[name](trace, before, GAMMA, LAM)
        for b in range(B):
            means, returns = loop(metrics.get(name, -value)[:, b], ends[:, b], reward[:, b])
            assert bool(got.valid[b]) == bool(means)
            known = [float(before.best_return[b])] * bool(before.seen[b]) + returns
            assert bool(got.memory.seen[b]) == bool(known)
            if known:
                assert float(got.memory.best_return[b]) == pytest.approx(max(known), abs=1e-5)
            if means:
                base = max(known) if name == "maxmc" else 0.0
                assert float(got.score[b]) == pytest.approx(base + np.mean(means), abs=1e-5)


def test_a_time_limit_counts_as_an_end_but_not_as_a_loss_of_value():
    # Same rewards and values; the state at the cut is worth what the critic said: no TD error.
    ended = trace_of([0] * T, [0, 0, 0, 0, 0, 0, 1], value=[1] * T)
    cut = trace_of([0] * T, [0] * T, truncated=[0, 0, 0, 0, 0, 0, 1], value=[1] * T)
    cut = cut._replace(final_value=cut.truncated.astype(jnp.float32))
    score = scores["one-step-td"]
    assert score(ended, unseen(B), 1.0, LAM).score[0] == pytest.approx(1 / 7)
    assert score(cut, unseen(B), 1.0, LAM).score[0] == pytest.approx(0.0)


@pytest.mark.parametrize("name", SCORES)
def test_every_score_has_one_line_that_describes_it(name):
    line = describe(name)
    assert 20 < len(line) < 100 and line.endswith(".")
