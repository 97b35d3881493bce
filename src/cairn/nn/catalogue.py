"""The networks there are by name, and a user's own by `package.module:Name`."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from jaxtyping import Array, Key, PyTree

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.nn.convolve import Convolution
from cairn.nn.protocol import Network

NETWORKS: Mapping[str, str] = MappingProxyType(
    {"actor-critic": "cairn.nn.actor_critic:ActorCritic"}
)

Memory = Literal["lstm", "none"]


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a network. Defaults are JaxUED's for the maze."""

    network: str = "actor-critic"
    """Which network, or your own as package.module:Name."""
    memory: Memory = "lstm"
    """What carries information through an episode: an LSTM, or nothing (feed-forward)."""
    hidden: int = 256
    """Size of the LSTM's memory, or of the dense layer that takes its place."""
    head: int = 32
    """Size of the hidden layer of the policy's and of the value's head."""
    filters: int = 16
    """Filters of the 3×3 convolution over images."""
    convolution: Convolution = "auto"
    """How images larger than 7×7 are convolved: with `strides`, place by place (`cells`, as boards
    want it), or as the environment says of what it shows."""
    embedding: int = 5
    """Size of the embedding of a categorical observation (the maze's heading)."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "hidden", "head", "filters", "embedding")


class Named(NamedTuple):
    """The factory of the network that a config names.

    A network of one's own is called with (observation spec, outputs, config, key) and need not
    heed the config.
    """

    config: NetworkConfig

    @property
    def name(self) -> str:
        """What the network is called."""
        return self.config.network

    def __call__(self, spec: PyTree, outputs: int, key: Key[Array, ""]) -> Network:
        """A fresh network. Raises ConfigError if there is none of this name."""
        made = resolve(self.config.network, NETWORKS, "network")(spec, outputs, self.config, key)
        if not isinstance(made, Network):
            raise ConfigError(
                f"{self.config.network} is no network: expected a subclass of "
                f"cairn.nn.protocol.Network, got {type(made).__name__}."
            )
        return made
