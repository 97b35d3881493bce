"""SAMPLR: what the student is told, by the step, and that truth told is nothing new."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import MAZE, STUDENT, B, T, experiment, history

import cairn
from cairn.core.errors import ConfigError
from cairn.core.returns import gae
from cairn.engine.program import Report
from cairn.envs.fruit.env import Fruit
from cairn.envs.fruit.level import FruitLevel
from cairn.learners.ppo import PPO
from cairn.score import episode_statistics, unseen
from cairn.ued import parts, samplr
from cairn.ued.grounded import ground, played
from cairn.ued.parts import Problem

GAMMA, LAMBDA = 0.9, 0.8
KEY = jax.random.key(3)


class Peek(Fruit):
    """Once the fruits are at hand, it is seen if the banana pays."""

    def observe(self, state):
        seen = super().observe(state)
        shown = (state.passed >= state.level.rooms) & state.level.banana
        return seen.at[0].set(jnp.where(shown, 1.0, seen[0]))


# In truth the apple always pays; the curriculum also has levels in which the banana does.
GAME = Peek(rooms=1, keys=2, prior=1.0)
LEVELS = FruitLevel(jnp.ones(B, jnp.int32), jnp.array([False, True] * (B // 2)))
OPENS = int(GAME.key(jnp.int32(0)))


@pytest.fixture(scope="module")
def rolled():
    """A student that remembers, its rollout in `LEVELS`, and the same grounded."""
    learner = PPO.of(GAME, dataclasses.replace(STUDENT, memory="lstm"))
    problem = Problem(GAME, learner, GAMMA, LAMBDA, bootstrap_time_limit=False, steps=1000)

    @jax.jit
    def both(key):
        state = learner.init(key)
        real = parts.play(problem, state, LEVELS, key, T)
        return state, real, *ground(problem, state, real, LEVELS, key)

    return learner, *both(KEY)


@pytest.mark.slow
def test_the_grounded_advantage_is_gae_over_what_fictitious_steps_bring(rolled):
    """A plain loop over steps and columns, in which the apple pays whatever the level says."""
    learner, state, real, trace, _ = rolled
    act = jax.jit(learner.act)
    nothing, never = jnp.zeros(B), jnp.zeros(B, bool)
    fruits = GAME.observe(
        GAME.step(
            KEY, GAME.reset(KEY, jax.tree.map(lambda x: x[0], LEVELS))[0], jnp.int32(OPENS)
        ).state
    )
    memory, reset = learner.initial_memory(state, B), jnp.ones(B, bool)
    delta = np.zeros((T, B))
    for t in range(T):
        at_door = np.asarray(real.observation[t, :, 2] == 0)
        action = np.asarray(real.action[t])
        memory = act(state, real.observation[t], memory, reset, nothing).memory
        value = act(state, jnp.tile(fruits, (B, 1)), memory, never, nothing).value
        opens, pays = at_door & (action == OPENS), ~at_door & (action == 0)
        told = 3.0 * pays + GAMMA * np.where(opens, value, 0.0)
        delta[t] = told - np.asarray(real.value[t])
        reset = real.done[t]
    done = np.asarray(real.done)
    expected, ahead = np.zeros((T, B)), np.zeros(B)
    for t in reversed(range(T)):
        ahead = delta[t] + GAMMA * LAMBDA * np.where(done[t], 0.0, ahead)
        expected[t] = ahead
    np.testing.assert_allclose(gae(trace, GAMMA, LAMBDA), expected, atol=1e-5)
    # It matters: in the levels of the banana the real thing paid otherwise, and looked otherwise.
    assert (np.asarray(real.reward)[:, 1::2] == 10).any()
    assert np.abs(np.asarray(gae(real, GAMMA, LAMBDA)) - expected)[:, 1::2].max() > 1
    np.testing.assert_allclose(gae(real, GAMMA, LAMBDA)[:, ::2], expected[:, ::2], atol=1e-5)
    for name in set(real._fields) - {"reward"}:
        assert eqx.tree_equal(getattr(real, name), getattr(trace, name)), name


@pytest.mark.slow
def test_what_the_belief_excludes_is_noticed_step_by_step_and_stops_the_run(rolled):
    _, _, real, _, excluded = rolled
    fruits = np.asarray(real.observation[..., 2] > 0)
    np.testing.assert_array_equal(excluded, fruits & np.asarray(LEVELS.banana))
    assert excluded.any()
    doubt = experiment("samplr", GAME).program.doubt
    reports = [
        Report({"belief_excluded": np.array([[0.0, steps]]), "episodes": np.ones((1, 2))})
        for steps in (0.0, 3.0)
    ]
    assert doubt(reports[0]) is None
    assert "belief of Peek excludes what was seen in 3 steps" in str(doubt(reports[1]))


@pytest.mark.slow
def test_what_is_made_up_is_what_is_learned_from_and_scored(rolled, monkeypatch):
    _, _, real, trace, excluded = rolled
    chosen = experiment("samplr", GAME)
    shapes = jax.eval_shape(chosen.program.init, KEY)
    empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    got = {}
    monkeypatch.setattr(parts, "play", lambda *given: real)
    monkeypatch.setattr(samplr, "ground", lambda *given: (trace, excluded))

    def learn(problem, state, trace, when):
        return got.update(learned=trace, when=when) or (state.learner, {})

    def record(archive, batch, scored, config):
        return got.update(scored=scored) or (archive, ())

    monkeypatch.setattr(parts, "learn", learn)
    monkeypatch.setattr(parts, "record", record)
    after, report = chosen.program.step(empty)
    assert got["learned"] is trace and not got["when"]
    told = {"student": trace}
    wanted = chosen.algorithm.scoring(told, unseen(B), STUDENT.gamma, STUDENT.gae_lambda)
    np.testing.assert_allclose(got["scored"].score, wanted.score, rtol=1e-5)
    # Returns are told as they were, and every step is in the ledger four times.
    facts = episode_statistics(real)
    finished = np.asarray(facts.finished)
    mean = (np.asarray(facts.mean_return) * finished).sum() / finished.sum()
    assert float(report.metrics["return"]) == pytest.approx(mean, rel=1e-5)
    assert after.ledger.totals()["scoring"] == 4 * B * T


@pytest.mark.slow
def test_where_nothing_is_hidden_samplr_is_robust_plr():
    """On mazes, cycle by cycle, with the same draws."""
    learned = 0
    for one, other in zip(history("samplr"), history("robust-plr"), strict=True):
        ours, theirs = one.report.metrics, other.report.metrics
        assert set(ours) - set(theirs) == {"belief_excluded"} and not ours["belief_excluded"]
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=0.01, atol=1e-3, err_msg=name)
        np.testing.assert_array_equal(one.after.archive.ids, other.after.archive.ids)
        learned += int(ours["replayed"])
        pairs = zip(*(jax.tree.leaves(c.after.learner) for c in (one, other)), strict=True)
        for mine, yours in pairs:
            np.testing.assert_allclose(mine, yours, atol=1e-3)
    assert learned >= 5


def test_the_fruit_game_has_enough_levels_to_warm_an_archive_of_the_preset():
    """Of the usual 1,000 places 18 levels fill too few, so that nothing was ever replayed."""
    for method in ("samplr", "plr", "robust-plr", "accel", "remidi"):
        chosen = cairn.experiment("fruit", method=method)
        levels = 2 * (chosen.env.rooms + 1)
        assert chosen.algorithm.capacity * chosen.algorithm.minimum_fill <= levels / 2
        assert chosen.algorithm.steps_per_cycle < 2 * chosen.env.max_steps


def test_without_a_belief_or_with_a_score_of_returns_it_is_refused():
    with pytest.raises(ConfigError, match=r"CartPole has no belief\. Give it one"):
        cairn.experiment("cartpole", method="samplr")
    with pytest.raises(
        ConfigError, match=r"score 'maxmc' reads return and value\. Choose positive-value"
    ):
        cairn.experiment("fruit", method="samplr", score="maxmc")


def test_a_cycle_costs_each_step_its_fictitious_one_and_those_of_the_belief():
    assert played(GAME) == 4 and played(MAZE) == 3
    config = experiment("samplr", GAME).algorithm
    assert config.least(GAME) == 4 * B * T
