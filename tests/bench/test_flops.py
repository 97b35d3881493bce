"""Operations per step against counts by hand, and against what XLA counts."""

import jax
import jax.numpy as jnp

from cairn.bench import flops
from cairn.envs.maze.env import Maze
from cairn.learners import ppo
from cairn.learners.ppo import PPOConfig


def test_the_reference_network_costs_fourteen_million_operations_a_step():
    env, student = Maze(), PPOConfig()
    convolution, heads = 2 * 27 * 16 * 9, 2 * (2 * 256 * 32 + 32 * 7 + 32 * 1)
    memory = 2 * (9 * 16 + 5 + 256) * 4 * 256
    forward = convolution + memory + heads
    assert flops.playing_step(env.observation_spec, env.actions, student) == forward
    costs = flops.training_step(env.observation_spec, env.actions, student, batch=32, length=256)
    # Forward, and twice that backward, but no gradient goes to the observation.
    by_hand = forward + 5 * (3 * forward - convolution)
    assert flops.total(costs) == by_hand
    assert 13.5e6 < by_hand < 14.5e6


def test_xla_counts_as_many_operations_without_memory():
    env = Maze()
    student = PPOConfig(memory="none")
    learner = ppo.PPO.of(env, student)
    key = jax.random.key(0)

    def see(key):
        return env.reset(key, env.space.sample(key))[1]

    state = jax.eval_shape(learner.init, key)
    observation = jax.eval_shape(lambda: jax.vmap(see)(jax.random.split(key, 8)))
    play = jax.jit(lambda s, o: s.network.step(o, None, jnp.zeros(8, bool))[0])
    counted = play.lower(state, observation).cost_analysis()["flops"] / 8
    expected = flops.playing_step(env.observation_spec, env.actions, student)
    # XLA's count has the additions and the cheaper operations in it; the encoder's dense form too.
    assert expected < counted < 1.5 * expected


def test_bytes_fall_with_the_batch_that_shares_the_weights():
    env, student = Maze(), PPOConfig()
    few, many = (
        flops.training_step(env.observation_spec, env.actions, student, batch=n, length=256)
        for n in (1, 1000)
    )
    weight = 4 * (149 + 256) * 1024
    difference = few["rollout: memory"].bytes - many["rollout: memory"].bytes
    assert difference == weight * (1 - 1 / 1000)
    assert few["epochs: memory"].flop == many["epochs: memory"].flop


def test_devices_that_share_the_columns_each_read_the_weights():
    env, student = Maze(), PPOConfig()
    count = lambda batch, devices: flops.training_step(  # noqa: E731
        env.observation_spec, env.actions, student, batch=batch, length=256, devices=devices
    )
    assert count(32, 2) == count(16, 1) != count(32, 1)
