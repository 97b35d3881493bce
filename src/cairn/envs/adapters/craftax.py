"""Craftax and Craftax-Classic with symbolic observations. Matthews et al. 2024, arXiv:2402.16801.

The form of the package that never restarts itself: the rollout does.
"""

from functools import lru_cache
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, PyTree

from cairn.envs.adapters import seeded
from cairn.envs.adapters.compiled import Compiled

NEVER = jnp.iinfo(jnp.int32).max
"""A time limit out of reach."""


class Craftax(Compiled):
    """An open world of nine floors to survive and explore; the level is the seed of the world."""

    name: ClassVar[str] = "Craftax-Symbolic-v1"

    @property
    def max_steps(self) -> int:
        """Time limit."""
        return int(self._made[1].max_timesteps)

    @property
    def _made(self) -> tuple[Any, Any]:
        env = _make(self.name)
        params = env.default_params
        return env, params.replace(max_timesteps=self.limit) if self.limit else params

    def _ends(
        self, state: PyTree, done: Bool[Array, ""]
    ) -> tuple[Bool[Array, ""], Bool[Array, ""]]:
        # The package calls both ends `done`: asked again without a limit, it tells them apart.
        env, params = self._made
        return env.is_terminal(state, params.replace(max_timesteps=NEVER)), done


class CraftaxClassic(Craftax):
    """A world to survive, gather and craft in; the level is the seed of the world."""

    name: ClassVar[str] = "Craftax-Classic-Symbolic-v1"


@lru_cache
def _make(name: str) -> Any:
    module = seeded.package("craftax.craftax_env", extra="craftax")
    with seeded.foreign():  # the package computes when it is imported
        return module.make_craftax_env_from_name(name, auto_reset=False)
