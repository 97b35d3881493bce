"""Actor and critic on one trunk: encoder, memory, two small heads."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree

from cairn.nn.catalogue import NetworkConfig
from cairn.nn.convolve import as_asked
from cairn.nn.encoder import Encoder
from cairn.nn.lstm import Lstm, LstmMemory
from cairn.nn.protocol import Network, Output


class Dense(eqx.Module):
    """Affine map with an orthogonal weight of the given gain and zero bias."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __init__(self, inputs: int, outputs: int, gain: float, key: Key[Array, ""]):
        """Draw the weight."""
        self.weight = jax.nn.initializers.orthogonal(gain)(key, (inputs, outputs))
        self.bias = jnp.zeros((outputs,), jnp.float32)

    def __call__(self, x: Float[Array, "N inputs"]) -> Float[Array, "N outputs"]:
        """`x W + b`."""
        return x @ self.weight + self.bias[None]


class ActorCritic(Network):
    """Encoder → LSTM (or a dense layer) → one hidden layer and one output per head."""

    encoder: Encoder
    trunk: Lstm | Dense
    actor: tuple[Dense, Dense]
    critic: tuple[Dense, Dense]

    def __init__(
        self,
        spec: PyTree,
        outputs: int,
        config: NetworkConfig,
        key: Key[Array, ""],
    ):
        """Gains: √2 for hidden layers, 0.01 for the policy's output, 1 for the value's."""
        keys = jax.random.split(key, 6)
        hidden, head = config.hidden, config.head
        self.encoder = Encoder(
            as_asked(spec, config.convolution),
            filters=config.filters,
            embedding=config.embedding,
            key=keys[0],
        )
        features, gain = self.encoder.size, math.sqrt(2)
        if config.memory == "lstm":
            self.trunk = Lstm(features, hidden, keys[1])
        else:
            self.trunk = Dense(features, hidden, gain, keys[1])
        self.actor = (Dense(hidden, head, gain, keys[2]), Dense(head, outputs, 0.01, keys[3]))
        self.critic = (Dense(hidden, head, gain, keys[4]), Dense(head, 1, 1.0, keys[5]))

    def initial_memory(self, batch: int) -> LstmMemory | None:
        """Empty memory for `batch` episodes; None for a network without memory."""
        return self.trunk.initial(batch) if isinstance(self.trunk, Lstm) else None

    def step(
        self, observation: PyTree, memory: LstmMemory | None, reset: Bool[Array, " B"]
    ) -> tuple[Output, LstmMemory | None]:
        """One observation per episode; memory is emptied first where `reset`."""
        features = self.encoder(observation)
        if isinstance(self.trunk, Lstm):
            assert memory is not None
            memory = self.trunk.step(memory, features, reset)
            return self._heads(memory.h), memory
        return self._heads(jax.nn.relu(self.trunk(features))), None

    def sequence(
        self, observation: PyTree, reset: Bool[Array, "T B"], memory: LstmMemory | None = None
    ) -> Output:
        """T steps that begin with `memory` (None: empty); leaves are (T, B, ...)."""
        steps, batch = reset.shape
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), observation)
        features = self.encoder(flat)
        if isinstance(self.trunk, Lstm):
            x = features.reshape(steps, batch, -1)
            begun = self.trunk.initial(batch) if memory is None else memory
            hidden = self.trunk.sequence(begun, x, reset)
            hidden = hidden.reshape(steps * batch, -1)
        else:
            hidden = jax.nn.relu(self.trunk(features))
        out = self._heads(hidden)
        return Output(out.policy.reshape(steps, batch, -1), out.value.reshape(steps, batch))

    def _heads(self, hidden: Float[Array, "N hidden"]) -> Output:
        policy = self.actor[1](jax.nn.relu(self.actor[0](hidden)))
        value = self.critic[1](jax.nn.relu(self.critic[0](hidden)))
        return Output(policy, value[:, 0])
