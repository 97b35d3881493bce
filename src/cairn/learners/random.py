"""The random policy: the baseline every learner must beat."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, PyTree

from cairn.core.trace import Trace
from cairn.learners.protocol import Acted


class Nothing(NamedTuple):
    """A learner state with nothing in it."""


class RandomPolicy(eqx.Module):
    """Every action with equal probability; its update is the identity."""

    actions: int = eqx.field(static=True)

    @property
    def noise(self) -> tuple[int, ...]:
        """One uniform number for each action."""
        return ()

    @property
    def gradient_steps(self) -> int:
        """It never takes one."""
        return 0

    def init(self, key: Key[Array, ""]) -> Nothing:
        """There is nothing to learn."""
        return Nothing()

    def initial_memory(self, state: Nothing, batch: int) -> None:
        """There is nothing to remember."""
        return None

    def act(
        self,
        state: Nothing,
        observation: PyTree,
        memory: None,
        reset: Bool[Array, " B"],
        uniform: Float[Array, " B"],
    ) -> Acted:
        """The action whose equal share of [0, 1) holds `uniform`."""
        action = jnp.minimum((uniform * self.actions).astype(jnp.int32), self.actions - 1)
        log_prob = jnp.full(uniform.shape, -np.log(self.actions), jnp.float32)
        return Acted(action, log_prob, jnp.zeros(uniform.shape, jnp.float32), None)

    def update(
        self,
        state: Nothing,
        trace: Trace,
        key: Key[Array, ""],
        progress: Float[Array, ""],
        axis: str | None = None,
    ) -> tuple[Nothing, dict[str, Float[Array, ""]]]:
        """Change nothing."""
        return state, {}
