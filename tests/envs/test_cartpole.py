import math

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.cartpole import CartPole, CartPoleLevel, CartPoleState, move

KEY = jax.random.key(0)
ENV = CartPole()
USUAL = CartPoleLevel(*map(jnp.float32, (0.5, 0.1, 1.0, 10.0)))
step = jax.jit(ENV.step)


def state_at(x, v, angle, w, level=USUAL):
    return CartPoleState(level, *map(jnp.float32, (x, v, angle, w)), time=jnp.int32(0))


def accelerations(level, angle, w, push):
    """(cart, pole) accelerations from the two equations of motion, solved as a linear system."""
    length, pole, cart, _ = level
    # (M + m) a + m l cos θ α = F + m l w² sin θ   and   cos θ a + 4/3 l α = g sin θ
    matrix = [[cart + pole, pole * length * math.cos(angle)], [math.cos(angle), 4 / 3 * length]]
    right = [push + pole * length * w**2 * math.sin(angle), 9.8 * math.sin(angle)]
    return np.linalg.solve(matrix, right)


def test_motion_is_euler_on_the_equations_of_motion_for_every_level():
    generator = np.random.default_rng(0)
    for _ in range(30):
        numbers = generator.uniform([0.25, 0.05, 0.5, 5], [1, 0.2, 2, 20])
        x, v, angle, w = generator.uniform(-0.2, 0.2, 4)
        action = int(generator.integers(2))
        level = CartPoleLevel(*map(jnp.float32, numbers))
        after = step(KEY, state_at(x, v, angle, w, level), jnp.int32(action)).state
        cart, pole = accelerations(numbers, angle, w, numbers[3] if action else -numbers[3])
        expected = [x + 0.02 * v, v + 0.02 * cart, angle + 0.02 * w, w + 0.02 * pole]
        np.testing.assert_allclose(after[1:5], expected, rtol=1e-4, atol=1e-6)


def test_the_usual_cart_moves_and_falls_as_in_gymnasium():
    theirs = gymnasium.make("CartPole-v1").unwrapped
    generator = np.random.default_rng(1)
    for episode in range(3):
        observation, _ = theirs.reset(seed=episode)
        state = state_at(*observation)
        fallen = False
        while not fallen:
            action = int(generator.integers(2))
            observation, _, fallen, _, _ = theirs.step(action)
            played = step(KEY, state, jnp.int32(action))
            np.testing.assert_allclose(played.observation, observation, rtol=1e-4, atol=1e-5)
            assert bool(played.terminated) == fallen
            state = played.state


def test_energy_is_kept_without_a_push_when_steps_are_small():
    def energy(s):
        length, pole, cart, _ = map(float, s.level)
        v, angle, w = float(s.v), float(s.angle), float(s.w)
        motion = (cart + pole) * v**2 / 2 + pole * length * v * w * math.cos(angle)
        return motion + pole * length**2 * w**2 * 2 / 3 + pole * 9.8 * length * math.cos(angle)

    start = state_at(0, 0, 0.3, 0)
    fall = jax.jit(
        lambda s: jax.lax.fori_loop(0, 6000, lambda _, s: move(s, jnp.float32(0), 1e-4), s)
    )
    end = fall(start)
    released = 0.1 * 9.8 * 0.5 * (math.cos(0.3) - math.cos(float(end.angle)))
    assert released > 0.05  # joules: the pole has fallen a good way
    assert abs(energy(end) - energy(start)) < 0.01 * released


def test_upright_at_rest_stays_upright_and_a_tilt_grows():
    still = move(state_at(0, 0, 0, 0), jnp.float32(0), 0.02)
    assert [float(value) for value in still[1:5]] == [0, 0, 0, 0]
    tilted = move(state_at(0, 0, 0.1, 0), jnp.float32(0), 0.02)
    assert float(tilted.w) > 0 and float(tilted.v) < 0


def test_success_is_to_survive_to_the_limit():
    env = CartPole(limit=3)
    state, played = state_at(0, 0, 0, 0), None
    for action in (0, 1, 0):
        played = env.step(KEY, state, jnp.int32(action))
        state = played.state
    assert bool(played.truncated) and not bool(played.terminated)
    assert bool(env.solved(jnp.float32(0.1), played.terminated))
    fallen = env.step(KEY, state_at(0, 0, 0.2, 3), jnp.int32(0))
    assert bool(fallen.terminated) and float(fallen.reward) == 0
    assert not bool(env.solved(jnp.float32(0.9), fallen.terminated))


def test_levels_stay_within_the_spread_and_edits_are_small():
    keys = jax.random.split(KEY, 500)
    levels = jax.jit(jax.vmap(ENV.space.sample))(keys)
    edited = jax.jit(jax.vmap(ENV.space.mutate))(keys, levels)
    for usual, values, after in zip((0.5, 0.1, 1.0, 10.0), levels, edited, strict=True):
        for some in (values, after):
            assert some.min() >= usual / 2 * 0.9999 and some.max() <= usual * 2 * 1.0001
        factors = np.log(np.asarray(values) / usual) / np.log(2)
        assert abs(factors.mean()) < 0.1 and factors.std() == pytest.approx(1 / 3**0.5, abs=0.05)
        moved = np.log(np.asarray(after) / np.asarray(values))
        assert 0.05 < moved.std() < 0.11


def test_numbers_that_physics_refuses_are_refused():
    with pytest.raises(ConfigError, match="pole_mass must be positive, got 0"):
        CartPole(pole_mass=0.0)
    with pytest.raises(ConfigError, match="spread must be at least 1"):
        CartPole(spread=0.5)
