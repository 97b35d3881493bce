"""gymnax: classic control, bsuite, MinAtar and more. https://github.com/RobertTLange/gymnax"""

from functools import lru_cache
from typing import Any

from jaxtyping import Array, Bool, PyTree

from cairn.core.errors import ConfigError, suggest
from cairn.envs.adapters import seeded
from cairn.envs.adapters.compiled import Compiled


class Gymnax(Compiled):
    """Any environment of gymnax, compiled; the level is the seed of its reset."""

    @property
    def max_steps(self) -> int:
        """Time limit."""
        return int(self._made[1].max_steps_in_episode)

    @property
    def _made(self) -> tuple[Any, Any]:
        env, params = _make(self.name)
        return env, params.replace(max_steps_in_episode=self.limit) if self.limit else params

    def _ends(
        self, state: PyTree, done: Bool[Array, ""]
    ) -> tuple[Bool[Array, ""], Bool[Array, ""]]:
        env, params = self._made
        return done, env.is_truncated(state, params)


@lru_cache
def _make(name: str) -> tuple[Any, Any]:
    gymnax = seeded.package("gymnax", extra="gymnax")
    if name not in gymnax.registered_envs:
        raise ConfigError(
            f"gymnax has no environment {name!r}. Expected one of "
            f"{', '.join(gymnax.registered_envs)}.{suggest(name, gymnax.registered_envs)}"
        )
    try:
        with seeded.foreign():
            return gymnax.make(name)
    except (OSError, ImportError) as error:  # one of them downloads its data
        raise ConfigError(f"gymnax cannot make {name!r} here: {error}.") from error
