"""What a policy draws actions from: a few functions of our own.

Every draw inverts a distribution function at uniform numbers in [0, 1), the only randomness there
is. A distribution is chosen by what an action is (`distribution`).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree, Shaped

from cairn.envs.protocol import Continuous, Discrete
from cairn.nn.protocol import Network, Output

HALF_STEP = 2.0**-24
"""Uniform float32 numbers are multiples of 2⁻²³; in the middle between two, none is 0 or 1."""


EDGE = 1.0 - 2.0**-20
"""How near to a bound, in (-1, 1), an action may come whose number before squashing is sought."""


class Drawn(NamedTuple):
    """Actions, and what their probability is computed from again."""

    action: Shaped[Array, "N *action"]
    log_prob: Float[Array, " N"]
    raw: Float[Array, "N size"] | None
    """Before squashing; None where the action itself will do."""


@dataclass(frozen=True)
class Categorical:
    """One of `size` actions; the network gives a logit for each."""

    size: int

    @property
    def outputs(self) -> int:
        """Outputs of the policy's head."""
        return self.size

    @property
    def noise(self) -> tuple[int, ...]:
        """Shape of the uniform numbers that one draw takes."""
        return ()

    def dress(self, network: Network) -> Network:
        """The network with what the distribution learns besides: nothing."""
        return network

    def draw(self, logits: Float[Array, "N size"], uniform: Float[Array, " N"]) -> Drawn:
        """The action whose share of [0, 1) holds `uniform`."""
        log_probs = jax.nn.log_softmax(logits)
        below = jnp.cumsum(jnp.exp(log_probs), axis=1) <= uniform[:, None]
        # Rounding may leave the last cumulative sum just below a uniform near one.
        action = jnp.minimum(jnp.sum(below, axis=1, dtype=jnp.int32), self.size - 1)
        return Drawn(action, jnp.take_along_axis(log_probs, action[:, None], axis=1)[:, 0], None)

    def mode(self, logits: Float[Array, "N size"]) -> Drawn:
        """The most likely action; the first of several."""
        log_probs = jax.nn.log_softmax(logits)
        action = jnp.argmax(log_probs, axis=1).astype(jnp.int32)
        return Drawn(action, jnp.max(log_probs, axis=1), None)

    def raw(self, action: Int[Array, "*batch"]) -> Int[Array, "*batch"]:
        """What `judge` takes for an action: itself."""
        return action

    def judge(
        self, logits: Float[Array, "T B size"], action: Int[Array, "T B"]
    ) -> tuple[Float[Array, "T B"], Float[Array, "T B"]]:
        """Log-probability of each action, and the entropy where it was taken."""
        log_probs = jax.nn.log_softmax(logits)
        log_prob = jnp.take_along_axis(log_probs, action[:, :, None], axis=2)[:, :, 0]
        return log_prob, -jnp.sum(jnp.exp(log_probs) * log_probs, axis=2)


@dataclass(frozen=True)
class Squashed:
    """Normal numbers squashed into bounds: a = low + (high - low) (tanh u + 1) / 2.

    The network gives the mean of each u; one standard deviation for each dimension, whatever the
    observation, is learned beside it (`Spread`).
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def outputs(self) -> int:
        """Outputs of the policy's head."""
        return len(self.low)

    @property
    def noise(self) -> tuple[int, ...]:
        """Shape of the uniform numbers that one draw takes."""
        return (self.outputs,)

    def dress(self, network: Network) -> Network:
        """The network with the standard deviations that are learned besides."""
        return Spread(network, jnp.zeros(self.outputs, jnp.float32))

    def draw(self, parts: Float[Array, "N both"], uniform: Float[Array, "N size"]) -> Drawn:
        """Both log-probability and action are of the squashed numbers."""
        mean, log_std = jnp.split(parts, 2, axis=-1)
        noise = jax.scipy.special.ndtri(uniform + jnp.float32(HALF_STEP))
        raw = mean + jnp.exp(log_std) * noise
        low, high = (np.asarray(b, np.float32)[None] for b in (self.low, self.high))
        action = low + (high - low) * (0.5 * jnp.tanh(raw) + 0.5)
        # Rounding may leave the sum just beyond the bound.
        return Drawn(jnp.clip(action, low, high), self._log_prob(mean, log_std, raw), raw)

    def mode(self, parts: Float[Array, "N both"]) -> Drawn:
        """The most likely numbers before squashing, squashed."""
        middle = jnp.full((parts.shape[0], self.outputs), 0.5 - HALF_STEP, jnp.float32)
        return self.draw(parts, middle)

    def raw(self, action: Float[Array, "*batch size"]) -> Float[Array, "*batch size"]:
        """What `judge` takes for an action: it before squashing, within (-7.3, 7.3).

        Exact to rounding; a bound itself would be infinite, so it counts as just inside.
        """
        ends = (np.asarray(b, np.float32) for b in (self.low, self.high))
        low, high = (jnp.broadcast_to(end, action.shape) for end in ends)
        shares = (action - low) / (high - low)
        return jnp.arctanh(jnp.clip(2.0 * shares - 1.0, -EDGE, EDGE))

    def judge(
        self, parts: Float[Array, "T B both"], raw: Float[Array, "T B size"]
    ) -> tuple[Float[Array, "T B"], Float[Array, "T B"]]:
        """Log-probability of each action before squashing, and the entropy *before* squashing.

        The entropy after it has no closed form; this one is exact, and its bonus widens as well.
        """
        mean, log_std = jnp.split(parts, 2, axis=-1)
        entropy = jnp.sum(log_std + 0.5 * math.log(2 * math.pi * math.e), axis=-1)
        return self._log_prob(mean, log_std, raw), entropy

    def _log_prob(self, mean: Array, log_std: Array, raw: Array) -> Array:
        """log N(u; mean, std) - log |da/du|.

        log(1 - tanh² u) = 2 (log 2 - u - log(1 + e⁻²ᵘ)), whose left side is -inf from |u| = 9 on.
        """
        distance = (raw - mean) * jnp.exp(-log_std)
        normal = -0.5 * (distance**2) - log_std - 0.5 * math.log(2 * math.pi)
        slope = 2.0 * (math.log(2.0) - raw - jax.nn.softplus(-2.0 * raw))
        widths = zip(self.low, self.high, strict=True)
        scale = sum(math.log((high - low) / 2) for low, high in widths)
        return jnp.sum(normal - slope, axis=-1) - scale


Distribution = Categorical | Squashed


def distribution(action: Discrete | Continuous) -> Distribution:
    """What a policy draws such actions from."""
    if isinstance(action, Discrete):
        return Categorical(action.size)
    return Squashed(action.low, action.high)


class Spread(Network):
    """A network of means, and a learned standard deviation for each, whatever is observed."""

    network: Network
    log_std: Float[Array, " size"]

    def initial_memory(self, batch: int) -> PyTree:
        """The network's."""
        return self.network.initial_memory(batch)

    def step(
        self, observation: PyTree, memory: PyTree, reset: Bool[Array, " B"]
    ) -> tuple[Output, PyTree]:
        """Means, then logarithms of the standard deviations."""
        out, memory = self.network.step(observation, memory, reset)
        return self._beside(out), memory

    def sequence(
        self, observation: PyTree, reset: Bool[Array, "T B"], memory: PyTree = None
    ) -> Output:
        """Likewise for T steps."""
        return self._beside(self.network.sequence(observation, reset, memory))

    def _beside(self, out: Output) -> Output:
        spread = jnp.broadcast_to(self.log_std, out.policy.shape)
        return Output(jnp.concatenate([out.policy, spread], axis=-1), out.value)
