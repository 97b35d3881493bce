"""What SFL selects, and whom ACCEL edits, against plain NumPy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import MAZE, experiment

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.trace import Trace
from cairn.learners.random import RandomPolicy
from cairn.sampler.segments import Segment
from cairn.score import unseen
from cairn.ued import accel, parts, sfl
from cairn.ued.method import problem_of


def learnability(trace: Trace) -> np.ndarray:
    """Unbiased p (1 - p) of each column; NaN with fewer than two finished episodes."""
    done, solved = np.asarray(trace.done), np.asarray(trace.solved)
    scores = []
    for column in range(done.shape[1]):
        outcomes = solved[done[:, column], column].astype(float)
        scores.append(outcomes.var(ddof=1) if len(outcomes) > 1 else np.nan)
    return np.array(scores)


@pytest.mark.slow
def test_sfl_keeps_the_most_learnable_of_all_candidates_and_none_that_cannot_be_judged():
    run = experiment("sfl", candidates=48, candidate_batches=2, keep=4)
    problem = problem_of(run.setup(None))._replace(learner=RandomPolicy(MAZE.action_spec))
    config = dataclasses.replace(run.algorithm, scoring_steps=15)
    state = sfl.init(problem, config, jax.random.key(5))
    buffer = jax.jit(lambda state: sfl.select(problem, config, state))(state)

    look = jax.jit(lambda key: sfl.candidates(problem, config, state.learner, key))
    key = parts.key_for(state, "select")
    sets = [look(stream(key, "set", number)) for number in range(2)]
    scores = np.concatenate([learnability(trace) for _, trace in sets])
    walls = np.concatenate([np.asarray(levels.walls) for levels, _ in sets])
    # 15 steps with a limit of 8: whoever never gets there has finished one episode only.
    assert np.isnan(scores).sum() > 5 and (scores > 0).sum() >= 5
    best = np.argsort(-np.where(np.isnan(scores), -1.0, scores), kind="stable")[:4]
    assert not np.isnan(scores[best]).any(), "enough of the candidates can be judged"
    np.testing.assert_allclose(buffer.learnability, scores[best], atol=1e-6)
    np.testing.assert_array_equal(buffer.levels.walls, walls[best])
    assert buffer.eligible.all()


@pytest.mark.slow
def test_sfl_falls_back_on_new_levels_when_too_few_can_be_judged():
    with pytest.raises(ConfigError, match="must hold two episodes of 8 steps, got 4"):
        experiment("sfl", scoring_steps=4)
    run = experiment("sfl")
    problem = problem_of(run.setup(None))._replace(learner=RandomPolicy(MAZE.action_spec))
    config = dataclasses.replace(run.algorithm, scoring_steps=4)
    state = sfl.init(problem, config, jax.random.key(5))
    buffer = jax.jit(lambda state: sfl.select(problem, config, state))(state)
    assert not buffer.eligible.all()
    assert (buffer.learnability[~buffer.eligible] == 0).all()
    keys = jax.random.split(stream(parts.key_for(state, "select"), "fallback"), config.keep)
    fallback = jax.vmap(problem.env.space.sample)(keys)
    rows = np.flatnonzero(~np.asarray(buffer.eligible))
    stand_ins = np.asarray(fallback.walls)[: len(rows)]
    np.testing.assert_array_equal(np.asarray(buffer.levels.walls)[rows], stand_ins)


@pytest.mark.parametrize(
    ("parents", "wanted"),
    [
        ("batch", [0, 1, 2, 3, 4, 5]),
        ("easiest", [3, 0, 5, 2, 3, 0]),
        ("hardest", [4, 1, 2, 5, 4, 1]),
    ],
)
def test_accel_edits_whom_it_says(parents, wanted):
    returns = [0.8, 0.2, 0.3, 0.9, 0.1, 0.4]
    chosen = chosen_parents(returns, [True] * 6, parents)
    assert chosen.ids.tolist() == wanted
    np.testing.assert_array_equal(chosen.levels, jnp.float32(returns)[jnp.array(wanted)])


@pytest.mark.parametrize(
    ("finished", "parents", "wanted"),
    [
        ([1, 0, 1, 1, 1, 1], "easiest", [3, 0, 5, 2, 3, 0]),
        ([1, 0, 1, 1, 1, 1], "hardest", [4, 2, 5, 0, 4, 2]),
        ([1, 0, 0, 1, 0, 0], "hardest", [0, 3, 0, 3, 0, 3]),  # fewer than four: they alone
        ([0, 0, 0, 0, 0, 0], "easiest", [0, 0, 0, 0, 0, 0]),
    ],
)
def test_accel_takes_no_unfinished_column_for_the_easiest_or_hardest(finished, parents, wanted):
    # The second column's return would be 0 or 9, but no episode of it has ended.
    returns = [-0.1, 9.0, -0.8, 0.5, -0.9, -0.3]
    if parents == "easiest":
        returns = [0.8, 9.0, 0.3, 0.9, 0.1, 0.4]
    assert chosen_parents(returns, finished, parents).ids.tolist() == wanted


def chosen_parents(returns, finished, parents) -> Segment:
    """Every column has one episode, complete where `finished`; its return is in `returns`."""
    returns, T, B = jnp.float32(returns), 4, len(returns)
    zeros, never = jnp.zeros((T, B)), jnp.zeros((T, B), bool)
    trace = Trace(
        observation=zeros,
        action=zeros.astype(jnp.int32),
        log_prob=zeros,
        value=zeros,
        reward=zeros.at[1].set(returns).at[3].set(9.0),
        terminated=never.at[2].set(jnp.array(finished, bool)),
        truncated=never,
        solved=never,
        final_value=zeros,
        last_value=zeros[0],
    )
    ids = jnp.arange(B, dtype=jnp.uint32)
    none = jnp.zeros(B, jnp.int32)
    batch = Segment(
        levels=returns,
        ids=ids,
        parents=ids,
        has_parent=none > 0,
        generation=none,
        memory=unseen(B),
        source=none,
        slots=none,
    )
    return accel.choose_parents(batch, trace, accel.Config(batch=B, parents=parents))
