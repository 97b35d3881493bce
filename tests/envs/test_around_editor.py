"""The process in which a teacher designs physics, against NumPy, and a whole PAIRED run on it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cairn
import house
from cairn.core.rundir import RunDir
from cairn.engine.design import design
from cairn.envs.around_editor import AroundEditor, editor_of
from cairn.envs.cartpole import CartPole, CartPoleLevel
from cairn.envs.check import check
from cairn.envs.pendulum import Pendulum
from cairn.envs.protocol import Noise
from cairn.learners.ppo import PPO, PPOConfig
from cairn.learners.protocol import Actor
from cairn.learners.random import Nothing, RandomPolicy
from cairn.report.data import Sheet
from cairn.show import cards, tables
from cairn.show.subject import Subject
from cairn.ued import paired, roles
from cairn.ued.parts import Problem

ENVS = {"cartpole": CartPole(spread=4.0), "pendulum": Pendulum()}


@pytest.mark.parametrize("name", ENVS)
def test_each_action_sets_one_quantity_within_the_spread_and_the_last_one_ends(name):
    env = ENVS[name]
    editor = env.editor
    actions = np.array([[0.5], [-7.0], [1.0], [-0.25]], np.float32)[: len(env.usual)]
    noise = jnp.linspace(0.1, 0.9, editor.noise)

    @jax.jit
    def designed(actions):
        state, first = editor.reset(jax.random.key(0), noise)
        one = lambda s, a: (lambda p: (p.state, p))(editor.step(jax.random.key(1), s, a))  # noqa: E731
        last, played = jax.lax.scan(one, state, actions)
        return first, played, editor.level(last)

    first, played, level = designed(actions)
    shares = np.clip(actions[:, 0], -1, 1)
    wanted = np.array(env.usual) * env.spread**shares
    np.testing.assert_allclose(np.array(level), wanted, rtol=1e-5)
    steps = len(env.usual)
    assert editor.max_steps == steps and not np.asarray(first.chosen).any()
    assert np.asarray(played.terminated).tolist() == [False] * (steps - 1) + [True]
    assert not np.asarray(played.truncated).any() and not np.asarray(played.reward).any()
    seen = played.observation
    for step in range(steps):
        so_far = np.where(np.arange(steps) <= step, shares, 0)
        np.testing.assert_array_equal(seen.chosen[step], so_far)
        assert seen.time[step] == step + 1
        np.testing.assert_array_equal(seen.noise[step], noise)


def test_it_is_an_environment_and_other_spaces_have_none():
    for env in ENVS.values():
        check(env)
        assert isinstance(env.editor, AroundEditor)
    assert editor_of(Noise(3)) is None


@pytest.mark.slow
def test_a_teacher_without_a_preference_makes_the_levels_of_the_space():
    env = ENVS["cartpole"]
    actor = Actor(RandomPolicy(env.editor.action_spec), Nothing())
    levels, trace = jax.jit(lambda key: design(env.editor, actor, key, 512))(jax.random.key(2))
    noise = np.asarray(trace.observation.noise)
    assert (noise == noise[:1]).all() and len({row.tobytes() for row in noise[0]}) == 512
    shares = np.log(np.array(levels) / np.array(env.usual)[:, None]) / np.log(env.spread)
    for quantity in shares:
        np.testing.assert_allclose(np.quantile(quantity, [0.1, 0.5, 0.9]), [-0.8, 0, 0.8], atol=0.1)


@pytest.mark.slow
def test_a_teacher_learns_which_physics_pay():
    """Paid 1 where the pole is longer than usual and the cart lighter: a quarter at random."""
    env = ENVS["cartpole"]
    settings = PPOConfig(memory="none", hidden=16, head=16, learning_rate=1e-2, decay="none")
    problem = Problem(env.editor, PPO.of(env.editor, settings), 0.995, 0.98, False, 10**6)
    problems = {"teacher": problem}

    def cycle(state, _):
        levels, trace = roles.design(problems, state, 64)
        pays = (levels.half_length > env.half_length) & (levels.cart_mass < env.cart_mass)
        pay = pays.astype(jnp.float32)
        learner, _ = roles.learn(problems, state, {"teacher": roles.paid_last(trace, pay)})
        after = dataclasses.replace(state, learner=learner, cycle=state.cycle + 1)
        return after, pay.mean()

    begun = roles.begin(problems, jax.random.key(0), paired.Config.counts)
    pays = np.asarray(jax.jit(lambda s: jax.lax.scan(cycle, s, length=25))(begun)[1])
    assert pays[:3].mean() < 0.5 and pays[-5:].mean() > 0.8


@pytest.mark.slow
def test_designs_that_cannot_be_drawn_are_told_beside_the_other_levels(tmp_path, monkeypatch):
    small = house.settings("paired", "cartpole") | {"limit": 16, "spread": 4.0}
    chosen = cairn.experiment("cartpole", method="paired", **small)
    state = jax.tree.map(lambda leaf: leaf[0], chosen.compiled().init())
    one = Subject(chosen, RunDir(tmp_path), state, 0, [{"ledger": {"training": [0]}}])
    monkeypatch.setattr(cards, "held_out", lambda subject: Sheet("Others", "", ()))
    others, sheet = tables.levels(one)
    assert others.title == "Others"
    text = tables.draw([sheet], tmp_path / "levels.txt").read_text().splitlines()
    assert text[0] == "What its teacher designs" and len(text) == 2 + 12
    names = ["solved by student", "solved by antagonist", *CartPoleLevel._fields]
    assert all(name in text[1] for name in names)
    # Of twelve levels, no two alike: each has noise of its own.
    assert len({line.split("%")[-1] for line in text[2:]}) == 12
