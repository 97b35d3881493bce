"""Learning when to plan: imitation of planning at random frequencies, then reward less its cost.

Source: Paglieri et al. 2025, Learning When to Plan. Stage one (priming) imitates episodes that plan
with a chance of their own, from never to always, decisions and moves alike: a network that has
seen plans of every frequency can plan at any step and follow what it planned. Stage two is policy
gradient with generalised advantages over whole episodes (γ = 1: a plan pays late), on the decision
and the move; what an episode costs is paid per token of its plans. Unprimed, stage two begins with
a fresh network.
"""

from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.research.planning.graph import World
from cairn.research.planning.policy import (
    Network,
    Step,
    at_random,
    episode,
    follow,
    masked,
    of_network,
)


@dataclass(frozen=True)
class Config:
    """Of both stages."""

    primed: int = 100
    """Updates of imitation; 0: none."""
    updates: int = 300
    """Updates by reward."""
    batch: int = 32
    """Episodes an update."""
    learning_rate: float = 3e-3
    decay: float = 0.95
    """λ of the advantages."""
    entropy: float = 0.003
    """Weight of the entropy of both choices."""

    def __post_init__(self):
        if self.primed < 0 or self.updates < 0 or self.batch < 2:
            raise ConfigError(
                "planning.learn.Config expects primed and updates of at least 0 and batch of at "
                f"least 2, got {self.primed}, {self.updates}, {self.batch}."
            )


class Learner(NamedTuple):
    """A network and its optimiser."""

    network: Network
    moments: PyTree


def begun(key: Key[Array, ""]) -> Learner:
    """Fresh."""
    network = Network.init(key)
    return Learner(network, _adam().init(eqx.filter(network, eqx.is_array)))


def _adam() -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam())


def run(world: World, config: Config, key: Key[Array, ""]) -> tuple[Network, Float[Array, " U"]]:
    """Both stages as a function of the key: jit it, vmap it over seeds and costs.

    Returns the network and the share of steps with a plan at each update by reward.
    """
    learner = begun(stream(key, "network"))
    arrays, still = eqx.partition(learner, eqx.is_array)  # a scan carries arrays alone

    def imitate(arrays: Learner, number: Array) -> tuple[Learner, Array]:
        learner = eqx.combine(arrays, still)
        keys = jax.random.split(stream(key, "imitate", number), config.batch)

        def one(own: Array) -> Step:
            chance = jax.random.uniform(stream(own, "chance"))
            return episode(world, at_random(chance), follow, own)

        steps = jax.vmap(one)(keys)
        learner = _descended(learner, lambda network: imitation(network, steps), config)
        return eqx.filter(learner, eqx.is_array), jnp.zeros(())

    def improve(arrays: Learner, number: Array) -> tuple[Learner, Array]:
        learner = eqx.combine(arrays, still)
        keys = jax.random.split(stream(key, "improve", number), config.batch)
        decide, move = of_network(learner.network)
        steps = jax.vmap(lambda own: episode(world, decide, move, own))(keys)
        learner = _descended(learner, lambda network: objective(network, steps, config), config)
        return eqx.filter(learner, eqx.is_array), steps.plan.sum() / steps.live.sum()

    if config.primed:
        arrays, _ = jax.lax.scan(imitate, arrays, jnp.arange(config.primed))
    arrays, plans = jax.lax.scan(improve, arrays, jnp.arange(config.updates))
    return eqx.combine(arrays, still).network, plans


def _descended(learner: Learner, loss, config: Config) -> Learner:
    gradient = eqx.filter_grad(loss)(learner.network)
    with jax.numpy_dtype_promotion("standard"):  # optax counts in int32
        change, moments = _adam().update(gradient, learner.moments)
    change = jax.tree.map(lambda d: -config.learning_rate * d, change)
    return Learner(eqx.apply_updates(learner.network, change), moments)


def _odds(network: Network, steps: Step) -> tuple[Array, Array, Array]:
    """Log-chance of what was decided, log-chances of all moves, log-odds, for all steps."""
    odds = jax.vmap(jax.vmap(network.decide))(steps.decision)
    decided = -jax.nn.softplus(jnp.where(steps.plan, -odds, odds))
    scores = jax.vmap(jax.vmap(jax.vmap(network.move)))(steps.moves)
    moves = jax.nn.log_softmax(masked(scores, steps.joined))
    return decided, moves, odds


def _chosen(moves: Array, steps: Step) -> Array:
    return jnp.take_along_axis(moves, steps.to[..., None], axis=-1)[..., 0]


def _mean(values: Array, steps: Step) -> Float[Array, ""]:
    """Over steps of episodes that were going on."""
    return jnp.where(steps.live, values, 0.0).sum() / steps.live.sum().astype(jnp.float32)


def imitation(network: Network, steps: Step) -> Float[Array, ""]:
    """Minus the log-chance of decisions and moves."""
    decided, moves, _ = _odds(network, steps)
    return -_mean(decided + _chosen(moves, steps), steps)


def objective(network: Network, steps: Step, config: Config) -> Float[Array, ""]:
    """Minus the policy's gain, the value's error and minus the entropy, weighed."""
    values = jnp.where(steps.live, jax.vmap(jax.vmap(network.value))(steps.decision), 0.0)
    advantages = advantage(steps, jax.lax.stop_gradient(values), config.decay)
    aims = advantages + jax.lax.stop_gradient(values)
    centre = _mean(advantages, steps)
    spread = jnp.sqrt(_mean((advantages - centre) ** 2, steps)) + 1e-6
    weights = (advantages - centre) / spread
    decided, moves, odds = _odds(network, steps)
    gain = (decided + _chosen(moves, steps)) * weights
    chance = jax.nn.sigmoid(odds)
    coin = jax.nn.softplus(odds) - chance * odds
    entropy = coin - (jnp.exp(moves) * moves).sum(-1)
    error = 0.5 * (values - aims) ** 2
    return _mean(error - gain - config.entropy * entropy, steps)


def advantage(steps: Step, values: Float[Array, "B T"], decay: float) -> Float[Array, "B T"]:
    """Generalised advantages with γ = 1; the value after the end is 0."""
    after = jnp.concatenate([values[:, 1:], jnp.zeros_like(values[:, :1])], axis=1)
    errors = steps.reward + after - values

    def back(later: Array, error: Array) -> tuple[Array, Array]:
        now = error + decay * later
        return now, now

    _, found = jax.lax.scan(back, jnp.zeros(values.shape[0]), errors.T, reverse=True)
    return found.T
