"""A policy that always does what it holds most likely."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, Bool, PyTree

from cairn.core.errors import ConfigError
from cairn.learners.protocol import Acted


class Greedy(eqx.Module):
    """The mode of another policy: `policy.mode(state, observation, memory, reset)`."""

    policy: Any

    @property
    def noise(self) -> tuple[int, ...]:
        """The shape of the uniforms that `act` is given. It makes no use of them."""
        return getattr(self.policy, "noise", ())

    def initial_memory(self, state: Any, batch: int) -> PyTree:
        """As the policy's."""
        return self.policy.initial_memory(state, batch)

    def act(
        self,
        state: Any,
        observation: PyTree,
        memory: PyTree,
        reset: Bool[Array, " B"],
        uniform: Any,
    ) -> Acted:
        """The most likely action in each of B episodes, whatever `uniform` is."""
        return self.policy.mode(state, observation, memory, reset)


def greedy(policy: Any) -> Greedy:
    """`policy` without chance. Raises ConfigError if it has no `mode`."""
    if not hasattr(policy, "mode"):
        raise ConfigError(
            f"{type(policy).__name__} has no greedy actions: a policy that can be greedy has a "
            f"method `mode`. Test it with --actions sampled."
        )
    return Greedy(policy)
