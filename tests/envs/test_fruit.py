"""The fruit game, and what may be believed in games with finitely many hidden values."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.belief import Exact, belief_of
from cairn.envs.cartpole import CartPole
from cairn.envs.fruit.env import Fruit, expected_return, minimax_choice
from cairn.envs.fruit.level import FruitLevel
from cairn.envs.protocol import Environment, Step, Vector

KEY = jax.random.key(0)
GAME = Fruit(rooms=2, keys=4)


def level(rooms, banana):
    return FruitLevel(jnp.int32(rooms), jnp.array(banana))


def played(game, at, actions):
    """Rewards and ends of an attempt, and what was seen, the start included."""
    state, observation = game.reset(KEY, at)
    seen, rewards, ends = [observation], [], []
    for action in actions:
        one = game.step(KEY, state, jnp.int32(action))
        state = one.state
        seen.append(one.observation)
        rewards.append(float(one.reward))
        ends.append(bool(one.terminated))
    return rewards, ends, [np.asarray(each).tolist() for each in seen]


def test_a_door_opens_to_its_key_alone_and_the_hidden_fruit_pays():
    keys = [int(GAME.key(jnp.int32(room))) for room in range(2)]
    assert keys == [1, 1]
    apple = level(2, False)
    rewards, ends, seen = played(GAME, apple, [1, 1, 2])
    assert rewards == [0, 0, 3] and ends == [False, False, True]
    # Rooms behind | fruits at hand.
    assert seen == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert played(GAME, apple, [1, 1, 1])[0] == [0, 0, 0]
    assert played(GAME, level(2, True), [1, 1, 1])[0] == [0, 0, 10]
    for wrong in (0, 2, 3):
        assert played(GAME, apple, [1, wrong])[1] == [False, True]
    # Nothing shows which fruit pays, before it is eaten or after.
    assert played(GAME, level(2, True), [1, 1, 2])[2] == seen
    assert played(GAME, level(0, False), [0])[0] == [3]
    every = [int(Fruit().key(jnp.int32(room))) for room in range(8)]
    assert len(set(every)) >= 4 and max(every) < 8


def test_who_regrets_least_eats_the_apple_three_times_in_thirteen():
    best = minimax_choice(3.0, 10.0)
    assert best == pytest.approx(3 / 13)
    worst = lambda p: max(3 - 3 * p, 10 - 10 * (1 - p))  # noqa: E731
    grid = np.linspace(0, 1, 1301)
    assert grid[np.argmin([worst(p) for p in grid])] == pytest.approx(best, abs=1e-3)
    truth = {"prior": 0.9, "apple": 3.0, "banana": 10.0}
    assert expected_return(best, **truth) == pytest.approx(1.3923, abs=1e-4)
    assert expected_return(1.0, **truth) == pytest.approx(2.7)
    assert expected_return(0.0, **truth) == pytest.approx(1.0)


def test_tests_have_exactly_the_ground_truth_s_share_of_bananas_and_know_the_optimum():
    for name in GAME.suites():
        levels = GAME.suite(name, KEY).variants
        assert int(levels.banana.sum()) == 20
        assert set(levels.rooms.tolist()) <= {"open": {0}, "deep": {2}}.get(name, {0, 1, 2})
    optimal = jax.vmap(GAME.optimal_return)(jax.tree.map(jnp.asarray, levels))
    assert float(optimal.mean()) == pytest.approx(0.9 * 3 + 0.1 * 10)


def test_new_levels_are_as_deep_and_pay_as_they_are_told():
    number = 2000
    games = Fruit(deep=0.5), Fruit(deep=0.5, pays="prior")
    draw = jax.jit(jax.vmap(lambda key: [game.space.sample(key) for game in games]))
    for levels, share in zip(draw(jax.random.split(KEY, number)), (0.5, 0.1), strict=True):
        assert float(levels.banana.mean()) == pytest.approx(share, abs=0.04)
        rooms = np.bincount(np.asarray(levels.rooms), minlength=9) / number
        assert rooms[8] == pytest.approx(0.5, abs=0.04) and (rooms[:8] > 0.03).all()


def test_a_picture_rings_the_fruit_that_pays_and_shows_how_far_it_went():
    one, other = (jax.tree.map(np.asarray, level(2, banana)) for banana in (False, True))
    plain = GAME.picture(one)
    assert plain.shape == (100, 300, 3)
    rooms, fruits = plain[:, :200], plain[:, 200:]
    assert (GAME.picture(other)[:, :200] == rooms).all()
    assert (GAME.picture(other)[:, 200:] != fruits).any()
    state, _ = GAME.reset(KEY, level(2, False))
    passed = jax.tree.map(lambda leaf: np.asarray(leaf)[None], state)._replace(passed=np.array([1]))
    changed = (GAME.picture(one, passed) != plain).any((0, 2))
    assert changed[:150].all() and not changed[152:].any()


def test_games_that_cannot_be_played_are_refused():
    with pytest.raises(ConfigError, match="keys must be at least 2"):
        Fruit(keys=1)
    with pytest.raises(ConfigError, match=r"prior must lie in \[0, 1\], got 9"):
        Fruit(prior=9.0)
    with pytest.raises(ConfigError, match=r"CartPole has no belief\. Give it one"):
        belief_of(CartPole())


class Urn(Environment):
    """A number of 0, 1 or 2 is hidden; each action asks whether it is larger than the action."""

    actions: ClassVar[int] = 2
    random_start: ClassVar[bool] = False

    prior: tuple[float, ...] = eqx.field(static=True, default=(0.5, 0.3, 0.2))

    @property
    def max_steps(self):
        return 3

    @property
    def observation_spec(self):
        return Vector(1)

    @property
    def space(self):
        raise NotImplementedError

    def variants(self, level):
        return jnp.arange(len(self.prior), dtype=jnp.int32), jnp.array(self.prior, jnp.float32)

    def reset(self, key, level):
        return level, jnp.zeros(1)

    def step(self, key, state, action):
        answer = (state > action).astype(jnp.float32)[None]
        never = jnp.zeros((), bool)
        return Step(state, answer, state.astype(jnp.float32), never, never)


def test_an_exact_belief_is_bayes_rule():
    belief = Exact(Urn(), Urn().variants)
    begun = belief.begin(KEY, jnp.int32(2), jnp.zeros(1))
    np.testing.assert_allclose(belief.posterior(begun), [0.5, 0.3, 0.2])
    # "Larger than 0?" "Yes.": 0 is out, the others keep 3 : 2.
    larger = belief.after(KEY, begun, jnp.int32(0), jnp.ones(1))
    np.testing.assert_allclose(belief.posterior(larger), [0, 0.6, 0.4], atol=1e-6)
    # "Larger than 1?" "No.": it is 1.
    known = belief.after(KEY, larger, jnp.int32(1), jnp.zeros(1))
    np.testing.assert_allclose(belief.posterior(known), [0, 1, 0])
    assert not belief.excludes(known)
    # "Larger than 1?" "Yes, now.": nothing is left, and nobody pretends otherwise.
    nothing = belief.after(KEY, known, jnp.int32(1), jnp.ones(1))
    assert bool(belief.excludes(nothing))
    np.testing.assert_array_equal(belief.posterior(nothing), np.zeros(3))
    assert belief.simulated(jnp.int32(0)) == 3


def test_states_are_drawn_as_often_as_they_are_believed():
    belief = Exact(Urn(), Urn().variants)
    begun = belief.begin(KEY, jnp.int32(2), jnp.zeros(1))
    larger = belief.after(KEY, begun, jnp.int32(0), jnp.ones(1))
    draw = jax.jit(jax.vmap(belief.sample, (0, None)))
    for believed in (begun, larger):
        drawn = np.asarray(draw(jax.random.split(KEY, 4000), believed))
        shares = np.bincount(drawn, minlength=3) / 4000
        np.testing.assert_allclose(shares, belief.posterior(believed), atol=0.03)
        expected = float(belief.posterior(believed) @ jnp.arange(3.0))
        assert drawn.mean() == pytest.approx(expected, abs=0.05)


def test_before_the_fruits_either_is_believed_to_pay_as_the_ground_truth_says():
    at = level(1, True)
    belief = GAME.belief
    believed = belief.begin(KEY, at, GAME.reset(KEY, at)[1])
    state, _ = GAME.reset(KEY, at)
    action = jnp.int32(1)
    believed = belief.after(KEY, believed, action, GAME.step(KEY, state, action).observation)
    np.testing.assert_allclose(belief.posterior(believed), [0.9, 0.1], rtol=1e-6)
    eat = jax.vmap(lambda state, action: GAME.step(KEY, state, action).reward, (0, None))
    posterior = belief.posterior(believed)
    expected = [posterior @ eat(believed.states, jnp.int32(fruit)) for fruit in (0, 1)]
    np.testing.assert_allclose(expected, [2.7, 1.0], rtol=1e-5)
