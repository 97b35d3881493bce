"""The random policy: the baseline every learner must beat."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, PyTree

from cairn.core.trace import Trace
from cairn.envs.protocol import Continuous, Discrete
from cairn.learners.protocol import Acted


class Nothing(NamedTuple):
    """A learner state with nothing in it."""


class RandomPolicy(eqx.Module):
    """Every action with equal probability (density); its update is the identity."""

    action: Discrete | Continuous = eqx.field(static=True)

    @property
    def noise(self) -> tuple[int, ...]:
        """One uniform number for a discrete action, one a dimension for a continuous one."""
        return () if isinstance(self.action, Discrete) else (self.action.size,)

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
        uniform: Float[Array, "B *noise"],
    ) -> Acted:
        """The action whose equal share of [0, 1) holds `uniform`; uniform between bounds."""
        batch = uniform.shape[:1]
        if isinstance(self.action, Discrete):
            size = self.action.size
            action = jnp.minimum((uniform * size).astype(jnp.int32), size - 1)
            volume = np.log(size)
        else:
            low, high = (np.asarray(b, np.float32) for b in (self.action.low, self.action.high))
            action = jnp.asarray(low)[None] + jnp.asarray(high - low)[None] * uniform
            volume = np.log(high - low).sum()
        log_prob = jnp.full(batch, -volume, jnp.float32)
        return Acted(action, log_prob, jnp.zeros(batch, jnp.float32), None)

    def update(
        self,
        state: Nothing,
        batch: Trace,
        key: Key[Array, ""],
        progress: Float[Array, ""],
        axis: str | None = None,
    ) -> tuple[Nothing, dict[str, Float[Array, ""]]]:
        """Change nothing."""
        return state, {}
