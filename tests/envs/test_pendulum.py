import math

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.pendulum import REWARD_SCALE, Pendulum, PendulumLevel, PendulumState

KEY = jax.random.key(0)
ENV = Pendulum()


def test_pendulums_of_every_level_move_and_cost_as_in_gymnasium():
    """Each of 500 steps starts where Gymnasium is, so that chaos does not add up."""
    theirs = gymnasium.make("Pendulum-v1").unwrapped
    generator, step = np.random.default_rng(1), jax.jit(ENV.step)
    for episode in range(10):
        theirs.reset(seed=episode)
        theirs.m, theirs.l, theirs.g = generator.uniform([0.5, 0.5, 5], [2, 2, 20])
        level = PendulumLevel(*map(jnp.float32, (theirs.m, theirs.l, theirs.g)))
        for _ in range(50):
            angle, w = map(jnp.float32, theirs.state)
            push = generator.uniform(-2.5, 2.5, 1).astype(np.float32)  # beyond the bounds too
            observation, reward, *_ = theirs.step(push)
            played = step(KEY, PendulumState(level, angle, w, jnp.int32(0)), jnp.asarray(push))
            np.testing.assert_allclose(played.observation, observation, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(played.reward, REWARD_SCALE * reward, rtol=1e-4, atol=1e-6)


def test_the_motor_is_too_weak_to_lift_the_usual_pendulum_at_once():
    usual = PendulumLevel(*map(jnp.float32, ENV.usual))
    start = PendulumState(usual, jnp.float32(math.pi), jnp.float32(0), jnp.int32(0))

    def pushed(state, _):
        after = ENV.step(KEY, state, jnp.array([2.0], jnp.float32)).state
        return after, after.angle

    _, angles = jax.jit(lambda s: jax.lax.scan(pushed, s, None, 200))(start)
    assert (jnp.cos(angles) < 0).all()


def test_only_time_ends_an_episode_and_success_is_a_small_cost():
    env = Pendulum(limit=2)
    level = env.space.sample(KEY)
    state, _ = env.reset(KEY, level)
    still = jnp.zeros(1, jnp.float32)
    first = env.step(KEY, state, still)
    second = env.step(KEY, first.state, still)
    assert not (first.terminated | first.truncated | second.terminated) and second.truncated
    assert env.solved(jnp.array([-0.039, -0.041]), jnp.zeros(2, bool)).tolist() == [True, False]
    assert env.bootstrap_time_limit


def test_numbers_that_physics_refuses_are_refused():
    with pytest.raises(ConfigError, match="mass must be positive, got 0"):
        Pendulum(mass=0.0)
    with pytest.raises(ConfigError, match="spread must be at least 1"):
        Pendulum(spread=0.5)
