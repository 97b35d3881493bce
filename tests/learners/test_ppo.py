"""PPO's losses against numbers worked out by hand, and its update against plain loops."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from cairn.core.returns import gae
from cairn.core.trace import Trace
from cairn.envs.cartpole import CartPole
from cairn.envs.maze.env import Maze
from cairn.envs.pendulum import Pendulum
from cairn.envs.protocol import Discrete, Vector
from cairn.learners import ppo
from cairn.learners.ppo import PPO, PPOConfig
from cairn.learners.random import RandomPolicy
from cairn.nn.catalogue import Named
from cairn.nn.distributions import Categorical
from cairn.nn.protocol import Network, Output

CONFIG = PPOConfig(hidden=8, head=6, learning_rate=0.01, epochs=2, minibatches=2)
T, B, SIZE, ACTIONS = 5, 4, 3, 3


class Fixed(Network):
    """A network that says what it was told to."""

    logits: jax.Array
    value: jax.Array

    def step(self, observation, memory, reset):
        raise NotImplementedError

    def sequence(self, observation, reset, memory=None):
        return Output(self.logits, self.value)


def loss(network, batch, config):
    return ppo.loss(network, batch, config, Categorical(network.logits.shape[2]))


def student_of(config):
    return PPO(config, Named(config), Vector(SIZE), Discrete(ACTIONS))


def trace_of(key, *, columns: int = B) -> Trace:
    keys = iter(jax.random.split(key, 8))
    draw = lambda *shape: jax.random.normal(next(keys), shape)  # noqa: E731
    terminated = jax.random.uniform(next(keys), (T, columns)) < 0.3
    return Trace(
        observation=draw(T, columns, SIZE),
        action=jax.random.randint(next(keys), (T, columns), 0, ACTIONS, jnp.int32),
        log_prob=-1.1 + 0.3 * draw(T, columns),
        value=draw(T, columns),
        reward=draw(T, columns),
        terminated=terminated,
        truncated=jnp.zeros((T, columns), bool),
        solved=terminated,
        final_value=jnp.zeros((T, columns)),
        last_value=draw(columns),
    )


def batch_of(ratio, advantage, old_value, target) -> ppo.Batch:
    """Two steps of two columns. The new policy gives both of two actions probability 1/2."""
    grid = lambda values: jnp.asarray(values, jnp.float32).reshape(2, 2)  # noqa: E731
    zeros = jnp.zeros((2, 2))
    trace = Trace(
        observation=zeros,
        action=jnp.array([[0, 1], [1, 0]], jnp.int32),
        log_prob=jnp.log(0.5 / grid(ratio)),
        value=grid(old_value),
        reward=zeros,
        terminated=zeros > 0,
        truncated=zeros > 0,
        solved=zeros > 0,
        final_value=zeros,
        last_value=zeros[0],
    )
    return ppo.Batch(trace, grid(advantage), grid(target), zeros > 0)


def test_loss_equals_numbers_worked_out_by_hand():
    batch = batch_of(
        ratio=[1.5, 0.5, 0.5, 1.5],
        advantage=[12, 8, 12, 8],  # mean 10, deviation 2: normalised to +1, -1, +1, -1
        old_value=[0, 0, 0, 0],
        target=[2, 0, -1, 1],
    )
    network = Fixed(jnp.full((2, 2, 2), 3.0), jnp.array([[1.0, 0.1], [-1.0, 0.2]]))
    config = PPOConfig(clip=0.2, value_weight=0.5, entropy_weight=0.01)
    total, parts = loss(network, batch, config)
    # min(1.5, 1.2), min(-0.5, -0.8), min(0.5, 0.8), min(-1.5, -1.2): a gain is clipped, a loss not.
    policy = -(1.2 - 0.8 + 0.5 - 1.5) / 4 * 2 / (2 + 1e-5)
    # The value moves by at most 0.2 from the old one: to 0.2, 0.1, -0.2, 0.2.
    value = 0.5 * (1.8**2 + 0.1**2 + 0.8**2 + 0.8**2) / 4
    np.testing.assert_allclose(parts["policy_loss"], policy, rtol=1e-5)
    np.testing.assert_allclose(parts["value_loss"], value, rtol=1e-5)
    np.testing.assert_allclose(parts["entropy"], math.log(2), rtol=1e-6)
    np.testing.assert_allclose(total, policy + 0.5 * value - 0.01 * math.log(2), rtol=1e-5)
    # KL estimate r - 1 - ln r; every ratio is outside [0.8, 1.2].
    kl = (0.5 - math.log(1.5) - 0.5 - math.log(0.5)) / 2
    np.testing.assert_allclose(parts["approximate_kl"], kl, rtol=1e-5)
    assert parts["clipped"] == 1


def test_entropy_is_of_the_whole_distribution_not_of_the_action_taken():
    chances = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.2, 0.8], [0.7, 0.3]]], np.float32)
    batch = batch_of([1] * 4, [1, 2, 3, 4], [0] * 4, [0] * 4)
    network = Fixed(jnp.log(chances) + 7.0, jnp.zeros((2, 2)))
    entropy = loss(network, batch, CONFIG)[1]["entropy"]
    np.testing.assert_allclose(entropy, -(chances * np.log(chances)).sum() / 4, rtol=1e-5)


def test_the_policy_gets_no_gradient_where_a_gain_is_clipped_and_some_where_a_loss_is():
    batch = batch_of([1.5, 0.5, 0.5, 1.5], [12, 8, 12, 8], [0] * 4, [0] * 4)
    config = PPOConfig(value_weight=0.0, entropy_weight=0.0)
    network = Fixed(jnp.zeros((2, 2, 2)), jnp.zeros((2, 2)))
    gradient = jax.grad(lambda logits: loss(Fixed(logits, network.value), batch, config)[0])
    moved = jnp.any(gradient(network.logits) != 0, axis=2).reshape(-1)
    assert moved.tolist() == [False, False, True, True]


def test_steps_that_do_not_count_change_nothing():
    """A column that stands still: its last step has no weight, whatever the network says there."""
    batch = batch_of([1.5, 0.5, 0.5, 1.5], [12, 8, 12, 50], [0] * 4, [2, 0, -1, 70])
    weight = jnp.array([[1.0, 1.0], [1.0, 0.0]])
    weighted = batch._replace(trace=batch.trace._replace(weight=weight))
    network = Fixed(jnp.zeros((2, 2, 2)), jnp.array([[1.0, 0.1], [-1.0, 9.0]]))
    _, parts = loss(network, weighted, CONFIG)
    # Advantages 12, 8, 12: mean 32/3, deviation √(32/9); ratios 1.5, 0.5, 0.5 as above.
    high, low = ((value - 32 / 3) / (math.sqrt(32 / 9) + 1e-5) for value in (12, 8))
    policy = -(1.2 * high + 0.8 * low + 0.5 * high) / 3
    np.testing.assert_allclose(parts["policy_loss"], policy, rtol=1e-5)
    np.testing.assert_allclose(parts["value_loss"], 0.5 * (1.8**2 + 0.1**2 + 0.8**2) / 3, rtol=1e-5)
    np.testing.assert_allclose(parts["entropy"], math.log(2), rtol=1e-6)


def test_memory_is_emptied_after_each_end_and_no_sooner():
    """Some releases of jaxlib shift wrongly when the mask is made and reshaped in one program."""

    def shifted(x):
        done = x > 0.8
        columns = trace_of(jax.random.key(0), columns=x.shape[1])
        trace = columns._replace(terminated=done, truncated=jnp.zeros_like(done))
        return ppo.resets(trace).reshape(-1), done

    x = jax.random.uniform(jax.random.key(1), (256, 32))
    got, done = jax.jit(shifted)(x)
    done = np.asarray(done)
    wanted = np.zeros_like(done)
    for t in range(1, 256):
        wanted[t] = done[t - 1]
    np.testing.assert_array_equal(np.asarray(got).reshape(256, 32), wanted)


@pytest.fixture(scope="module")
def learner():
    student = student_of(CONFIG)
    return student, student.init(jax.random.key(3)), trace_of(jax.random.key(4))


@pytest.mark.slow
def test_an_update_is_adam_on_whole_trajectories_with_clipped_gradients(learner):
    student, state, trace = learner
    progress, key = jnp.float32(0.25), jax.random.key(5)
    got, _ = jax.jit(student.update)(state, trace, key, progress)

    advantage = gae(trace, CONFIG.gamma, CONFIG.gae_lambda)
    whole = ppo.Batch(trace, advantage, advantage + trace.value, ppo.resets(trace))
    chain = optax.chain(
        optax.clip_by_global_norm(CONFIG.max_gradient_norm),
        optax.adam(CONFIG.learning_rate * 0.75, eps=1e-5),
    )
    network = state.network
    moments = chain.init(eqx.filter(network, eqx.is_array))
    gradient = jax.grad(lambda n, b: ppo.loss(n, b, CONFIG, student.distribution)[0])
    groups = np.asarray(ppo.minibatches(key, B, CONFIG))
    assert groups.shape == (CONFIG.epochs * CONFIG.minibatches, B // CONFIG.minibatches)

    @jax.jit
    def descend(network, moments, group):
        part = ppo.Batch(trace.columns(group), *(leaf[:, group] for leaf in whole[1:]))
        with jax.numpy_dtype_promotion("standard"):
            updates, moments = chain.update(gradient(network, part), moments)
            return eqx.apply_updates(network, updates), moments

    for epoch in groups.reshape(CONFIG.epochs, CONFIG.minibatches, -1):
        assert sorted(epoch.reshape(-1)) == list(range(B))
        for group in epoch:
            network, moments = descend(network, moments, jnp.asarray(group))
    for ours, theirs in zip(jax.tree.leaves(got.network), jax.tree.leaves(network), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert got.moments.count == student.gradient_steps == 4


@pytest.mark.slow
def test_the_learning_rate_reaches_zero_with_the_run_s_progress(learner):
    student, state, trace = learner
    update, key = eqx.filter_jit(student.update), jax.random.key(5)
    ended, _ = update(state, trace, key, jnp.float32(1.0))
    assert eqx.tree_equal(ended.network, state.network)
    moving, _ = update(state, trace, key, jnp.float32(0.5))
    assert not eqx.tree_equal(moving.network, state.network)


def test_without_decay_progress_does_not_matter(learner):
    _, state, trace = learner
    config = PPOConfig(hidden=8, head=6, decay="none", epochs=1)
    update = eqx.filter_jit(student_of(config).update)
    first, last = (update(state, trace, jax.random.key(5), jnp.float32(p)) for p in (0.0, 1.0))
    assert eqx.tree_equal(first, last)


def test_actions_come_as_often_as_the_policy_says(learner):
    """Over an even grid of uniforms each action's share is its probability to one grid step."""
    student, state, _ = learner
    n = 1000
    state = eqx.tree_at(
        lambda s: s.network.actor[1].bias, state, jnp.array([0.0, -1.0, 1.5], jnp.float32)
    )
    observation = jnp.tile(jnp.array([[0.3, -1.0, 2.0]], jnp.float32), (n, 1))
    uniform = (jnp.arange(n, dtype=jnp.float32) + 0.5) / n
    memory, reset = student.initial_memory(state, n), jnp.zeros(n, bool)
    acted = eqx.filter_jit(student.act)(state, observation, memory, reset, uniform)
    logits = state.network.step(observation[:1], student.initial_memory(state, 1), reset[:1])[0]
    chances = np.asarray(jax.nn.softmax(logits.policy[0]))
    shares = np.bincount(acted.action, minlength=ACTIONS) / n
    np.testing.assert_allclose(shares, chances, atol=1.01 / n)
    np.testing.assert_allclose(acted.log_prob, np.log(chances)[acted.action], rtol=1e-5)


def test_an_action_without_probability_is_never_taken(learner):
    student, state, _ = learner
    state = eqx.tree_at(
        lambda s: s.network.actor[1].bias, state, jnp.array([-1e9, 0.0, -1e9], jnp.float32)
    )
    edges = jnp.array([0.0, 0.5, float(np.nextafter(np.float32(1), np.float32(0)))], jnp.float32)
    memory, reset = student.initial_memory(state, 3), jnp.ones(3, bool)
    acted = student.act(state, jnp.zeros((3, SIZE)), memory, reset, edges)
    assert acted.action.tolist() == [1, 1, 1]


def test_the_random_policy_is_uniform_and_learns_nothing(learner):
    policy, trace = RandomPolicy(Discrete(7)), learner[2]
    uniform = (jnp.arange(700, dtype=jnp.float32) + 0.5) / 700
    acted = policy.act(policy.init(jax.random.key(0)), None, None, uniform > 2, uniform)
    assert np.bincount(acted.action).tolist() == [100] * 7
    np.testing.assert_allclose(np.exp(acted.log_prob), 1 / 7, rtol=1e-6)
    state = policy.init(jax.random.key(0))
    assert policy.update(state, trace, jax.random.key(1), jnp.float32(0))[0] == state
    assert policy.gradient_steps == 0


def test_time_limits_are_ends_or_not_as_the_environment_says_unless_told_otherwise():
    told = lambda env, **config: PPOConfig(**config).bootstraps(env)  # noqa: E731
    assert told(CartPole()) and told(Pendulum()) and not told(Maze())
    assert told(Maze(), bootstrap_time_limit="on")
    assert not told(CartPole(), bootstrap_time_limit="off")
