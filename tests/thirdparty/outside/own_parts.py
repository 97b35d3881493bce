"""A score, a network and a learner of one's own."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from cairn.core import axes
from cairn.learners.protocol import Acted
from cairn.nn.protocol import Network, Output
from cairn.score import STUDENT, Score, Scored
from cairn.score.episodes import episode_statistics


@dataclass(frozen=True)
class Failures(Score):
    """The share of episodes that failed. Of a level it remembers nothing."""

    def unseen(self, *shape):
        return ()

    def merge(self, memory, seen):
        return ()

    def __call__(self, traces, memory, gamma, lam):
        facts = episode_statistics(traces[STUDENT])
        valid = facts.finished > 0
        return Scored(jnp.where(valid, 1.0 - facts.success_rate, 0.0), valid, ())


class Perceptron(Network):
    """One hidden layer for the policy, none for the value. For a `Vector`."""

    policy: eqx.nn.MLP
    value: eqx.nn.Linear

    def __init__(self, spec, outputs, config, key):
        keys = jax.random.split(key)
        self.policy = eqx.nn.MLP(spec.size, outputs, config.hidden, 1, key=keys[0])
        self.value = eqx.nn.Linear(spec.size, "scalar", key=keys[1])

    def step(self, observation, memory, reset):
        return Output(jax.vmap(self.policy)(observation), jax.vmap(self.value)(observation)), memory


class Weights(NamedTuple):
    matrix: jax.Array


@dataclass(frozen=True)
class Settings:
    """A linear policy."""

    gamma: float = 0.99
    """Discount."""
    gae_lambda: float = 1.0
    """For scores that ask."""
    rate: float = 0.5
    """Step size."""

    def bootstraps(self, env):
        return False


class Reinforce(eqx.Module):
    """A linear policy of a `Vector` that climbs what follows its actions (Williams 1992)."""

    Config: ClassVar[type] = Settings

    config: Settings = eqx.field(static=True)
    inputs: int = eqx.field(static=True)
    outputs: int = eqx.field(static=True)

    noise: ClassVar[tuple[int, ...]] = ()
    gradient_steps: ClassVar[int] = 1

    @classmethod
    def of(cls, env, config):
        return cls(config, env.observation_spec.size, env.action_spec.size)

    def init(self, key):
        return Weights(jnp.zeros((self.inputs, self.outputs), jnp.float32))

    def initial_memory(self, state, batch):
        return None

    def act(self, state, observation, memory, reset, uniform):
        log_probs = jax.nn.log_softmax(observation @ state.matrix)
        below = jnp.cumsum(jnp.exp(log_probs), axis=1) <= uniform[:, None]
        action = jnp.minimum(jnp.sum(below, axis=1, dtype=jnp.int32), self.outputs - 1)
        log_prob = jnp.take_along_axis(log_probs, action[:, None], axis=1)[:, 0]
        return Acted(action, log_prob, jnp.zeros_like(log_prob), memory)

    def update(self, state, trace, key, progress, axis=None):
        def follows(later, now):
            reward, done = now
            total = reward + self.config.gamma * jnp.where(done, 0.0, later)
            return total, total

        begin = jnp.zeros_like(trace.last_value)
        _, returns = jax.lax.scan(follows, begin, (trace.reward, trace.done), reverse=True)

        def loss(matrix):
            log_probs = jax.nn.log_softmax(trace.observation @ matrix)
            log_prob = jnp.take_along_axis(log_probs, trace.action[:, :, None], axis=2)[:, :, 0]
            return -jnp.mean(log_prob * returns)

        # Where devices share the columns, all of them must come to the same state.
        value, gradient = axes.average(jax.value_and_grad(loss)(state.matrix), axis)
        return Weights(state.matrix - self.config.rate * gradient), {"policy_loss": value}
