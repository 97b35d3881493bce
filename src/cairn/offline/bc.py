"""Behaviour cloning: make what the data did likely.

Pomerleau 1988, "ALVINN: an autonomous land vehicle in a neural network". With discrete actions
the loss is their cross-entropy, with continuous ones the density of the squashed normal. A
network with memory learns from windows of fixed length, at whose start it remembers nothing.
"""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from cairn.core import trees
from cairn.engine.program import Report
from cairn.learners.ppo import PPO
from cairn.offline.method import OfflineConfig, Rows, State, after, method, windows


@dataclass(frozen=True)
class Config(OfflineConfig):
    """Behaviour cloning."""


def step(student: PPO, config: Config, state: State, data: Rows) -> tuple[State, Report]:
    """Draw windows of the data, and go down the gradient of -log π(action | observations)."""
    drawn = windows(data, state, config)

    def loss(network: PyTree) -> tuple[Float[Array, ""], Float[Array, ""]]:
        out = trees.opened(network).sequence(drawn.observation, drawn.first)
        log_prob, entropy = student.distribution.judge(out.policy, drawn.action)
        return -jnp.mean(log_prob), jnp.mean(entropy)

    (value, entropy), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(
        state.learner.network
    )
    rate = jnp.float32(student.config.learning_rate)
    learner, norm = student.descend(state.learner, gradient, rate)
    report = Report({"loss": value, "entropy": entropy, "gradient_norm": norm})
    return after(state, config, learner), report


METHOD = method(__doc__, Config, step)
