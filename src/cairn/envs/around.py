"""Levels of a few physical quantities around the usual ones, by ratio."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from cairn.core.errors import ConfigError
from cairn.envs.protocol import Space


class Around(Space):
    """Levels whose quantities, all positive, are the usual ones times factors near one."""

    env: Any
    """The environment. It has `usual`, the quantities in the order of the level's fields; `spread`,
    the largest factor of a level; `mutation`, the standard deviation of the logarithm of an edit's
    factors. `check_fields` refuses what they cannot be."""
    level: type = eqx.field(static=True)
    """The class of levels, a named tuple."""

    def sample(self, key: Key[Array, ""]) -> Any:
        """Each quantity log-uniform from the usual one / spread to the usual one * spread."""
        shares = jax.random.uniform(key, (len(self.env.usual),), jnp.float32, -1.0, 1.0)
        return self.at(shares)

    def at(self, shares: Float[Array, " quantities"]) -> Any:
        """The level whose quantities are the usual ones times spread ** share, each in [-1, 1]."""
        factors = self.env.spread**shares
        return self.level(*(f * usual for f, usual in zip(factors, self.env.usual, strict=True)))

    def mutate(self, key: Key[Array, ""], level: Any) -> Any:
        """Multiply each quantity by a log-normal factor near one, within the range of `sample`."""
        usual, spread = self.env.usual, self.env.spread
        noise = jax.random.normal(key, (len(usual),), jnp.float32)
        factors = jnp.exp(self.env.mutation * noise)
        return self.level(
            *(
                jnp.clip(value * factor, usual / spread, usual * spread)
                for value, factor, usual in zip(level, factors, usual, strict=True)
            )
        )

    def describe(self, level: Any) -> dict[str, float]:
        """The quantities in SI units."""
        return {name: float(value) for name, value in level._asdict().items()}


def check_fields(env: Any, *positive: str) -> None:
    """Raise ConfigError for a field of `positive` that is none, or for a wrong range of levels."""
    for name in positive:
        if not 0 < getattr(env, name) < math.inf:
            raise ConfigError(f"{name} must be positive, got {getattr(env, name)}.")
    if not 1 <= env.spread < math.inf or not 0 <= env.mutation < math.inf:
        raise ConfigError(
            f"spread must be at least 1 and mutation not negative, got {env.spread} and "
            f"{env.mutation}."
        )
