"""Recurrent proximal policy optimisation: the student of every UED method.

Schulman et al. 2017, arXiv:1707.06347. Differs from minimax and JaxUED: time limits can be
bootstrapped (`terminated` and `truncated` are apart), memory always starts empty with a new batch
of levels, and the learning rate decays with the run's progress, not with a count of updates that
methods without gradient on new levels never reach.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core import axes, checks
from cairn.core.errors import ConfigError
from cairn.core.returns import gae
from cairn.core.trace import Trace
from cairn.learners.protocol import Acted
from cairn.nn.actor_critic import ActorCritic, Memory
from cairn.nn.lstm import Carry


@dataclass(frozen=True)
class PPOConfig:
    """The student: network and update. Defaults are JaxUED's for the maze."""

    memory: Memory = "lstm"
    """What carries information through an episode: an LSTM, or nothing (feed-forward)."""
    hidden: int = 256
    """Size of the LSTM's memory, or of the dense layer that takes its place."""
    head: int = 32
    """Size of the hidden layer of the policy's and of the value's head."""
    filters: int = 16
    """Filters of the 3×3 convolution over images."""
    embedding: int = 5
    """Size of the embedding of a categorical observation (the maze's heading)."""
    learning_rate: float = 1e-4
    """Adam's step size (epsilon 1e-5)."""
    decay: Literal["linear", "none"] = "linear"
    """Learning rate over the run: linear to zero, or constant."""
    gamma: float = 0.995
    """Discount."""
    gae_lambda: float = 0.98
    """λ of generalised advantage estimation."""
    epochs: int = 5
    """Passes over each rollout."""
    minibatches: int = 1
    """Groups of whole trajectories per pass; must divide the number of trajectories."""
    clip: float = 0.2
    """Clip range of the probability ratio and of the value."""
    value_weight: float = 0.5
    """Weight of the value loss."""
    entropy_weight: float = 1e-3
    """Weight of the entropy bonus."""
    max_gradient_norm: float = 0.5
    """Global norm at which gradients are clipped."""
    bootstrap_time_limit: bool = False
    """Value the state an episode was truncated at, instead of counting the time limit as an end.
    Off, as in minimax and JaxUED: in the maze the reward itself depends on the time left."""

    def __post_init__(self) -> None:
        sizes = "hidden", "head", "filters", "embedding", "epochs", "minibatches"
        checks.at_least(self, 1, *sizes)
        checks.share(self, "gamma", "gae_lambda")
        checks.positive(self, "clip", "max_gradient_norm")
        checks.not_negative(self, "learning_rate", "value_weight", "entropy_weight")


class PPOState(eqx.Module):
    """Everything the student learns and remembers between updates."""

    network: ActorCritic
    moments: PyTree
    """Adam's moments and step count."""


class PPO(eqx.Module):
    """Recurrent PPO for discrete actions."""

    config: PPOConfig = eqx.field(static=True)
    spec: PyTree = eqx.field(static=True)
    actions: int = eqx.field(static=True)

    @property
    def noise(self) -> tuple[int, ...]:
        """One uniform number for each action."""
        return ()

    @property
    def gradient_steps(self) -> int:
        """Optimiser steps of one `update`."""
        return self.config.epochs * self.config.minibatches

    def initial_memory(self, state: PPOState, batch: int) -> Carry | None:
        """Empty memory for `batch` episodes."""
        return state.network.initial_memory(batch)

    def init(self, key: Key[Array, ""]) -> PPOState:
        """A fresh network and optimiser."""
        config = self.config
        network = ActorCritic(
            self.spec,
            self.actions,
            memory=config.memory,
            hidden=config.hidden,
            head=config.head,
            filters=config.filters,
            embedding=config.embedding,
            key=key,
        )
        return PPOState(network, self._adam().init(eqx.filter(network, eqx.is_array)))

    def act(
        self,
        state: PPOState,
        observation: PyTree,
        memory: Carry | None,
        reset: Bool[Array, " B"],
        uniform: Float[Array, " B"],
    ) -> Acted:
        """Sample actions by inverting the policy's distribution at `uniform` in [0, 1)."""
        out, memory = state.network.step(observation, memory, reset)
        log_probs = jax.nn.log_softmax(out.logits)
        below = jnp.cumsum(jnp.exp(log_probs), axis=1) <= uniform[:, None]
        # Rounding may leave the last cumulative sum just below a uniform near one.
        action = jnp.minimum(jnp.sum(below, axis=1, dtype=jnp.int32), self.actions - 1)
        log_prob = jnp.take_along_axis(log_probs, action[:, None], axis=1)[:, 0]
        return Acted(action, log_prob, out.value, memory)

    def update(
        self,
        state: PPOState,
        trace: Trace,
        key: Key[Array, ""],
        progress: Float[Array, ""],
        axis: str | None = None,
    ) -> tuple[PPOState, dict[str, Float[Array, ""]]]:
        """Epochs of clipped updates on one rollout; `progress` in [0, 1] is how far the run is.

        With `axis` the columns are spread over devices: each brings its share to every minibatch.
        """
        config = self.config
        advantage = gae(trace, config.gamma, config.gae_lambda)
        batch = Batch(trace, advantage, advantage + trace.value, resets(trace))
        rate = jnp.float32(config.learning_rate)
        if config.decay == "linear":
            rate = rate * (1.0 - progress)

        def minibatch(state: PPOState, chosen: Int[Array, " columns"]) -> tuple[PPOState, dict]:
            part = batch if config.minibatches == 1 else batch.columns(chosen)
            return self._step(state, part, rate, axis)

        groups = minibatches(key, trace.reward.shape[1], config, axis)
        state, metrics = jax.lax.scan(minibatch, state, groups)
        return state, jax.tree.map(lambda values: values[-1], metrics)

    def _step(
        self, state: PPOState, part: "Batch", rate: Array, axis: str | None
    ) -> tuple[PPOState, dict]:
        (_, metrics), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(
            state.network, part, self.config, axis
        )
        gradient, metrics = axes.average((gradient, metrics), axis)
        state, norm = self.descend(state, gradient, rate)
        return state, metrics | {"gradient_norm": norm}

    def descend(
        self, state: PPOState, gradient: PyTree, rate: Array
    ) -> tuple[PPOState, Float[Array, ""]]:
        """One step of Adam along the clipped gradient; also the norm before clipping."""
        norm = optax.tree.norm(gradient)
        scale = jnp.minimum(1.0, self.config.max_gradient_norm / jnp.maximum(norm, 1e-8))
        gradient = jax.tree.map(lambda g: g * scale, gradient)
        # Optax mixes Python and array scalars of other types inside.
        with jax.numpy_dtype_promotion("standard"):
            direction, moments = self._adam().update(gradient, state.moments)
        network = eqx.apply_updates(state.network, jax.tree.map(lambda d: -rate * d, direction))
        return PPOState(network, moments), norm

    def _adam(self) -> optax.GradientTransformation:
        return optax.scale_by_adam(eps=1e-5)


class Batch(NamedTuple):
    """A rollout with what the loss needs besides."""

    trace: Trace
    advantage: Float[Array, "T B"]
    target: Float[Array, "T B"]
    reset: Bool[Array, "T B"]

    def columns(self, chosen: Int[Array, " n"]) -> "Batch":
        """The trajectories `chosen`: whole columns, time is never cut."""
        trace = self.trace._replace(last_value=self.trace.last_value[None])
        whole = self._replace(trace=trace)
        part = jax.tree.map(lambda leaf: leaf[:, chosen], whole)
        return part._replace(trace=part.trace._replace(last_value=part.trace.last_value[0]))


def minibatches(
    key: Key[Array, ""], columns: int, config: PPOConfig, axis: str | None = None
) -> Int[Array, "steps chosen"]:
    """Which of this device's `columns` each optimiser step uses; every epoch uses each once.

    Columns are shuffled within lanes, and a minibatch takes equally many from each lane, so that
    what it holds does not depend on the number of devices (as long as that divides the lanes).
    """
    devices = axes.count(axis)
    total = axes.lanes(columns * devices, config.minibatches)
    if total % devices:
        raise ConfigError(
            f"{devices} devices cannot share minibatches of {columns * devices} columns in "
            f"{config.minibatches}: expected devices to divide {total}."
        )
    here, width = total // devices, columns * devices // total
    first = axes.place(axis) * here

    def shuffle(epoch: Array, lane: Array) -> Array:
        return jax.random.permutation(
            jax.random.fold_in(jax.random.fold_in(key, epoch), lane), width
        )

    epochs = jnp.arange(config.epochs, dtype=jnp.int32)
    lane = jnp.arange(here, dtype=jnp.int32)
    order = jax.vmap(lambda e: jax.vmap(lambda n: shuffle(e, first + n))(lane))(epochs)
    order = order + (lane * width)[None, :, None]
    groups = order.reshape(config.epochs, here, config.minibatches, -1).swapaxes(1, 2)
    return groups.reshape(config.epochs * config.minibatches, -1)


def resets(trace: Trace) -> Bool[Array, "T B"]:
    """Where memory is emptied before the step: after each end. The rollout starts empty anyway."""
    return jnp.concatenate([jnp.zeros_like(trace.done[:1]), trace.done[:-1]])


def loss(
    network: ActorCritic, batch: Batch, config: PPOConfig, axis: str | None = None
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Clipped policy loss + value_weight · clipped value loss - entropy_weight · entropy.

    The advantage is normalised over the minibatch, with 1e-5 added to its standard deviation.
    With `axis` that is over all devices; the loss itself is this device's share of the mean.
    """
    trace = batch.trace
    logits, value = network.sequence(trace.observation, batch.reset)
    log_probs = jax.nn.log_softmax(logits)
    log_prob = jnp.take_along_axis(log_probs, trace.action[:, :, None], axis=2)[:, :, 0]
    entropy = -jnp.mean(jnp.sum(jnp.exp(log_probs) * log_probs, axis=2))

    advantage = axes.standardise(batch.advantage, axis)
    log_ratio = log_prob - trace.log_prob
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
    policy_loss = -jnp.mean(jnp.minimum(ratio * advantage, clipped * advantage))

    near = trace.value + jnp.clip(value - trace.value, -config.clip, config.clip)
    errors = jnp.maximum((value - batch.target) ** 2, (near - batch.target) ** 2)
    value_loss = 0.5 * jnp.mean(errors)
    total = policy_loss + config.value_weight * value_loss - config.entropy_weight * entropy
    return total, {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approximate_kl": jnp.mean(ratio - 1.0 - log_ratio),
        "clipped": jnp.mean((jnp.abs(ratio - 1.0) > config.clip).astype(jnp.float32)),
    }
