"""Any environment of Gymnasium, by calls to the host: slow, but everything is one of its kind.

What is compiled holds a handle of each episode; the host has the rest, and a checkpoint has not.
"""

from functools import lru_cache, partial
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from cairn.core import axes
from cairn.envs.adapters import pool, seeded
from cairn.envs.protocol import Category, Continuous, Discrete, Image, Step, Vector


class Held(NamedTuple):
    """An episode that is played on the host; `time` counts its steps so far."""

    handle: Int[Array, ""]
    seed: UInt32[Array, ""]
    time: Int[Array, ""]
    observation: Array


class Gymnasium(seeded.Seeded):
    """Any environment of Gymnasium, on the host; the level is the seed of its reset."""

    exact_resume: ClassVar[bool] = False

    kept: int = eqx.field(static=True, default=1024)
    """Environments kept for episodes under way: at least the columns of all seeds together."""

    @property
    def _pool(self) -> pool.Pool:
        return _open(self.name, self.limit, self.kept)

    @property
    def max_steps(self) -> int:
        """Time limit."""
        return self._pool.limit

    @property
    def observation_spec(self) -> Image | Vector | Category:
        """Boxes become images or flat vectors, discrete spaces categories, all others vectors."""
        return self._pool.spec

    @property
    def action_spec(self) -> Discrete | Continuous:
        """As the environment has it; several numbers are flattened."""
        return seeded.action_spec(self._pool.actions, self.name)

    def reset(self, key: Key[Array, ""], level: UInt32[Array, ""]) -> tuple[Held, Array]:
        """What `reset(seed=level)` shows. The episode itself begins with its first step."""
        form = seeded.form(self._pool.spec)
        seen = jax.pure_callback(self._pool.first, form, level, vmap_method="broadcast_all")
        return Held(jnp.int32(pool.BEGINS), level, jnp.int32(0), seen), seen

    def step(self, key: Key[Array, ""], state: Held, action: Array) -> Step:
        """One step on the host, all columns in one call."""
        number = jax.ShapeDtypeStruct((), jnp.float32)
        forms = jax.ShapeDtypeStruct((), jnp.int32), seeded.form(self._pool.spec), number
        host = partial(self._pool.step, sharers=axes.sharers())
        call = partial(jax.pure_callback, host, forms, vmap_method="broadcast_all")
        handle, seen, reward = call(*state, action)
        after = Held(handle, state.seed, state.time + 1, seen)
        return Step(after, seen, reward, handle == pool.ENDED, handle == pool.CUT)

    def solved(
        self, episode_return: Float[Array, "..."], terminated: Bool[Array, "..."]
    ) -> Bool[Array, "..."]:
        """At least the environment's reward threshold, if it has one; else a positive return."""
        threshold = self._pool.threshold
        return episode_return > 0 if threshold is None else episode_return >= threshold


_open = lru_cache(pool.Pool)
