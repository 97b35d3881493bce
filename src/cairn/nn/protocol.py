"""What a learner asks of a network, and the check that one fits before anything is compiled."""

import abc
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree

from cairn.core.errors import ConfigError
from cairn.envs.protocol import Category, Image, Vector


class Output(NamedTuple):
    """What a network says of observations; the axes in front are theirs."""

    policy: Float[Array, "*batch outputs"]
    """Parameters of the policy's distribution: a logit an action, or a mean a dimension."""
    value: Float[Array, "*batch"]


class Network(eqx.Module):
    """Policy and value of observations. `step` is enough; without memory the rest is given."""

    def initial_memory(self, batch: int) -> PyTree:
        """Empty memory for `batch` episodes; None for a network without memory."""
        return None

    @abc.abstractmethod
    def step(
        self, observation: PyTree, memory: PyTree, reset: Bool[Array, " B"]
    ) -> tuple[Output, PyTree]:
        """One observation per episode; memory is emptied first where `reset`."""

    def sequence(
        self, observation: PyTree, reset: Bool[Array, "T B"], memory: PyTree = None
    ) -> Output:
        """T steps that begin with `memory` (None: empty); leaves are (T, B, ...). A scan."""
        if memory is None:
            memory = self.initial_memory(reset.shape[1])

        def step(memory: PyTree, now: tuple[PyTree, Array]) -> tuple[PyTree, Output]:
            out, memory = self.step(now[0], memory, now[1])
            return memory, out

        return jax.lax.scan(step, memory, (observation, reset))[1]


Factory = Callable[[PyTree, int, Key[Array, ""]], Network]
"""(observation spec, outputs of the policy, key) → a fresh network."""


def check_fit(factory: Factory, spec: PyTree, outputs: int) -> None:
    """Raises ConfigError, in one line, if the network's outputs are not what they must be.

    Abstract: shapes are followed, nothing is computed. What has fitted once is not tried again.
    """
    leaves, structure = jax.tree.flatten(spec, is_leaf=_is_spec)
    _check_fit(factory, tuple(leaves), structure, outputs)


@functools.lru_cache(maxsize=128)
def _check_fit(factory: Factory, leaves: tuple, structure: Any, outputs: int) -> None:
    spec = jax.tree.unflatten(structure, leaves)
    name = getattr(factory, "name", getattr(factory, "__name__", str(factory)))
    steps, batch = 3, 2

    def one(key: Array) -> tuple[Any, ...]:
        network = factory(spec, outputs, key)
        memory = network.initial_memory(batch)
        out, after = network.step(example(spec, batch), memory, jnp.zeros(batch, bool))
        return tuple(out), memory, after

    def many(key: Array) -> tuple[Any, ...]:
        network = factory(spec, outputs, key)
        reset = jnp.zeros((steps, batch), bool)
        return tuple(network.sequence(example(spec, steps, batch), reset))

    def shapes(call: Callable[[Array], Any]) -> Any:
        try:
            return jax.eval_shape(call, jax.random.key(0))
        except (TypeError, ValueError, AttributeError) as error:
            reason = str(error).strip().split("\n", 1)[0]
            raise ConfigError(
                f"Network {name} cannot take the observation {_told(example(spec))}: {reason}"
            ) from error

    def compare(call: str, came: Any, *shape: int) -> None:
        wanted = [jnp.zeros((*shape, outputs), jnp.float32), jnp.zeros(shape, jnp.float32)]
        if _told(came) != _told(wanted):
            raise ConfigError(
                f"Network {name}: {call} must give a policy and a value of {_told(wanted)} for "
                f"{outputs} outputs, got {_told(came)}."
            )

    out, memory, after = shapes(one)
    compare("step", out, batch)
    if (_told(memory), jax.tree.structure(memory)) != (_told(after), jax.tree.structure(after)):
        raise ConfigError(
            f"Network {name}: a step must not change the shapes of its memory, {_told(memory)}; "
            f"got {_told(after)}."
        )
    compare("sequence", shapes(many), steps, batch)


def example(spec: PyTree, *shape: int) -> PyTree:
    """Observations of zeros that match `spec`, with `shape` in front."""

    def zeros(part: Image | Vector | Category) -> Array:
        if isinstance(part, Category):
            return jnp.zeros(shape, jnp.int32)
        own = part.shape if isinstance(part, Image) else (part.size,)
        return jnp.zeros((*shape, *own), jnp.float32)

    return jax.tree.map(zeros, spec, is_leaf=_is_spec)


def _is_spec(node: object) -> bool:
    return isinstance(node, Image | Vector | Category)


def _told(tree: PyTree) -> str:
    leaves = jax.tree.leaves(tree)
    return ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in leaves) or "nothing"
