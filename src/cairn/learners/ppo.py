"""Recurrent proximal policy optimisation: the student of every UED method.

Schulman et al. 2017, arXiv:1707.06347. Differs from minimax and JaxUED: time limits can be
bootstrapped (`terminated` and `truncated` are apart), memory always starts empty with a new batch
of levels, and the learning rate decays with the run's progress, not with a count of updates that
methods without gradient on new levels never reach.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core import axes, checks, trees
from cairn.core.errors import ConfigError
from cairn.core.returns import gae
from cairn.core.trace import Keep, Trace
from cairn.envs.protocol import Continuous, Discrete, Environment
from cairn.learners.protocol import Acted
from cairn.nn.catalogue import Named, NetworkConfig
from cairn.nn.distributions import Distribution, distribution
from cairn.nn.protocol import Factory, Network, check_fit


@dataclass(frozen=True)
class PPOConfig(NetworkConfig):
    """The student: network and update. Defaults are JaxUED's for the maze."""

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
    bootstrap_time_limit: Literal["environment", "on", "off"] = "environment"
    """Value the state an episode was truncated at, instead of counting the time limit as an end.
    The environment knows: off in the maze, whose reward itself depends on the time left (as in
    minimax and JaxUED); on in cart-pole, where lasting to the limit is success."""

    def __post_init__(self) -> None:
        NetworkConfig.__post_init__(self)
        checks.at_least(self, 1, "epochs", "minibatches")
        checks.share(self, "gamma", "gae_lambda")
        checks.positive(self, "clip", "max_gradient_norm")
        checks.not_negative(self, "learning_rate", "value_weight", "entropy_weight")

    def bootstraps(self, env: Environment) -> bool:
        """Whether time limits are bootstrapped in `env`."""
        chosen = self.bootstrap_time_limit
        return env.bootstrap_time_limit if chosen == "environment" else chosen == "on"


class PPOState(eqx.Module):
    """Everything the student learns and remembers between updates."""

    network: PyTree
    """A `Network` whose leaves that are no arrays are `trees.sealed`."""
    moments: PyTree
    """Adam's moments and step count."""


class PPO(eqx.Module):
    """PPO for discrete and continuous actions, on a network that is given."""

    Config: ClassVar[type] = PPOConfig
    """Of the settings."""

    config: PPOConfig = eqx.field(static=True)
    network: Factory = eqx.field(static=True)
    observation: PyTree = eqx.field(static=True)
    """The spec of an observation."""
    action: Discrete | Continuous = eqx.field(static=True)

    def __check_init__(self) -> None:
        """Refuse a network that does not fit."""
        check_fit(self.network, self.observation, self.distribution.outputs)

    @classmethod
    def of(cls, env: Environment, config: PPOConfig) -> "PPO":
        """For the one player of `env`, with the network that `config` names. Raises ConfigError."""
        assert not isinstance(env.action_spec, tuple)
        return cls(config, Named(config), env.observation_spec, env.action_spec)

    @property
    def distribution(self) -> Distribution:
        """What actions are drawn from."""
        return distribution(self.action)

    @property
    def noise(self) -> tuple[int, ...]:
        """One uniform number for a discrete action, one a dimension for a continuous one."""
        return self.distribution.noise

    @property
    def keeps(self) -> tuple[Keep, ...]:
        """A squashed action's log-probability is exact only from the number before squashing."""
        return ("extra",) if isinstance(self.action, Continuous) else ()

    @property
    def gradient_steps(self) -> int:
        """Optimiser steps of one `update`."""
        return self.config.epochs * self.config.minibatches

    def initial_memory(self, state: PPOState, batch: int) -> PyTree:
        """Empty memory for `batch` episodes."""
        return trees.opened(state.network).initial_memory(batch)

    def init(self, key: Key[Array, ""]) -> PPOState:
        """A fresh network and optimiser."""
        network = self.network(self.observation, self.distribution.outputs, key)
        network = trees.sealed(self.distribution.dress(network))
        return PPOState(network, self._adam().init(eqx.filter(network, eqx.is_inexact_array)))

    def act(
        self,
        state: PPOState,
        observation: PyTree,
        memory: PyTree,
        reset: Bool[Array, " B"],
        uniform: Float[Array, "B *noise"],
    ) -> Acted:
        """Sample actions by inverting the policy's distribution at `uniform` in [0, 1)."""
        out, memory = trees.opened(state.network).step(observation, memory, reset)
        drawn = self.distribution.draw(out.policy, uniform)
        return Acted(drawn.action, drawn.log_prob, out.value, memory, drawn.raw)

    def mode(
        self, state: PPOState, observation: PyTree, memory: PyTree, reset: Bool[Array, " B"]
    ) -> Acted:
        """The most likely actions: what `act` does without chance."""
        out, memory = trees.opened(state.network).step(observation, memory, reset)
        drawn = self.distribution.mode(out.policy)
        return Acted(drawn.action, drawn.log_prob, out.value, memory, drawn.raw)

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
        def total(network: PyTree) -> tuple[Float[Array, ""], dict[str, Array]]:
            return loss(trees.opened(network), part, self.config, self.distribution, axis)

        (_, metrics), gradient = eqx.filter_value_and_grad(total, has_aux=True)(state.network)
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

    def rested(self, state: PPOState) -> PPOState:
        """Without Adam's first moments, whose rest would move what has no gradient any more."""
        still = jax.tree.map(jnp.zeros_like, state.moments.mu)
        return PPOState(state.network, state.moments._replace(mu=still))

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
        rest = (leaf[:, chosen] for leaf in self[1:])
        return Batch(self.trace.columns(chosen), *rest)


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
    """Where memory is emptied before the step: after each end, unless the trace says otherwise.

    A rollout starts empty, but for one that went on from another and kept what it started with.
    """
    if trace.reset is not None:
        return trace.reset
    return jnp.concatenate([jnp.zeros_like(trace.done[:1]), trace.done[:-1]])


def loss(
    network: Network,
    batch: Batch,
    config: PPOConfig,
    policy: Distribution,
    axis: str | None = None,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Clipped policy loss + value_weight · clipped value loss - entropy_weight · entropy.

    The advantage is normalised over the minibatch, with 1e-5 added to its standard deviation.
    With `axis` that is over all devices; the loss itself is this device's share of the mean. Means
    are over the steps that count (`Trace.weight`).
    """
    trace = batch.trace
    mean = lambda values: axes.share_of_mean(values, axis, trace.weight)  # noqa: E731
    memory = None if trace.start is None else trace.start.memory
    out, value = network.sequence(trace.observation, batch.reset, memory)
    raw = trace.action if trace.extra is None else trace.extra
    log_prob, entropies = policy.judge(out, raw)
    entropy = mean(entropies)

    advantage = axes.standardise(batch.advantage, axis, trace.weight)
    log_ratio = log_prob - trace.log_prob
    ratio = jnp.exp(log_ratio)
    clipped = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
    policy_loss = -mean(jnp.minimum(ratio * advantage, clipped * advantage))

    near = trace.value + jnp.clip(value - trace.value, -config.clip, config.clip)
    errors = jnp.maximum((value - batch.target) ** 2, (near - batch.target) ** 2)
    value_loss = 0.5 * mean(errors)
    total = policy_loss + config.value_weight * value_loss - config.entropy_weight * entropy
    return total, {
        "policy_loss": policy_loss,
        "value_loss": value_loss,
        "entropy": entropy,
        "approximate_kl": mean(ratio - 1.0 - log_ratio),
        "clipped": mean((jnp.abs(ratio - 1.0) > config.clip).astype(jnp.float32)),
    }
