"""OpenES: a gradient of the mean fitness around a point, from mirrored perturbations.

Salimans et al. 2017, arXiv:1703.03864, as in the code of Shaper (Khan et al. 2023,
arXiv:2312.12568): Adam, a spread and a step size that decay, fitness by centred ranks or centred
alone. Differs: Adam's first beta is .9 there .99. At some tens of candidates the long memory runs
over the edge beyond which a victim gives up. Pure functions of a state; all P candidates are one
array.
"""

from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key

from cairn.core import checks
from cairn.core.errors import ConfigError

_MEMORY = 0.9
Shape = Literal["ranks", "centred"]


@dataclass(frozen=True)
class Evolution:
    """How candidates are spread and what is made of their fitness."""

    population: int = 48
    """Candidates of a generation, half of them mirrored: even."""
    sigma: float = 0.3
    """Standard deviation of the perturbations."""
    sigma_decay: float = 1.0
    """By which it shrinks each generation."""
    sigma_least: float = 0.01
    """Where that ends."""
    rate: float = 0.1
    """Adam's step size."""
    rate_decay: float = 1.0
    """By which it shrinks each generation."""
    weight_decay: float = 0.0
    """Of the parameters, each generation, in units of the step size."""
    fitness: Shape = "ranks"
    """Whether fitness counts by rank, or by its distance from the mean."""

    def __post_init__(self) -> None:
        checks.at_least(self, 2, "population")
        checks.positive(self, "sigma", "sigma_decay", "sigma_least", "rate", "rate_decay")
        checks.not_negative(self, "weight_decay")
        if self.population % 2:
            raise ConfigError(f"population must be even, got {self.population}.")


class Spread(eqx.Module):
    """Where the search stands."""

    mean: Float[Array, " d"]
    adam: optax.OptState
    sigma: Float[Array, ""]
    rate: Float[Array, ""]


def begun(config: Evolution, mean: Float[Array, " d"]) -> Spread:
    """Around a point."""
    return Spread(
        mean, _adam().init(mean), jnp.asarray(config.sigma, jnp.float32),
        jnp.asarray(config.rate, jnp.float32),
    )  # fmt: skip


def ask(config: Evolution, spread: Spread, key: Key[Array, ""]) -> Float[Array, "P d"]:
    """Candidates: P / 2 perturbations, then the same mirrored."""
    half = jax.random.normal(key, (config.population // 2, len(spread.mean)))
    return spread.mean[None] + spread.sigma * jnp.concatenate([half, -half])


def tell(
    config: Evolution,
    spread: Spread,
    candidates: Float[Array, "P d"],
    fitness: Float[Array, " P"],
) -> Spread:
    """One step up the estimated gradient."""
    worth = shaped(config, fitness)
    noise = (candidates - spread.mean[None]) / spread.sigma
    slope = worth @ noise / (len(fitness) * spread.sigma)
    with jax.numpy_dtype_promotion("standard"):  # optax counts in int32
        move, adam = _adam().update(slope, spread.adam)
    mean = spread.mean + spread.rate * (jnp.asarray(move) - config.weight_decay * spread.mean)
    return Spread(
        mean, adam,
        jnp.maximum(spread.sigma * config.sigma_decay, config.sigma_least),
        spread.rate * config.rate_decay,
    )  # fmt: skip


def shaped(config: Evolution, fitness: Float[Array, " P"]) -> Float[Array, " P"]:
    """By rank from -1/2 to 1/2, ties sharing theirs; or centred."""
    if config.fitness == "centred":
        return fitness - fitness.mean()
    below = jnp.sum(fitness[:, None] > fitness[None, :], axis=1, dtype=jnp.float32)
    same = jnp.sum(fitness[:, None] == fitness[None, :], axis=1, dtype=jnp.float32)
    return (below + (same - 1) / 2) / (len(fitness) - 1) - 0.5


def _adam() -> optax.GradientTransformation:
    """Upwards, without a step size."""
    return optax.scale_by_adam(b1=_MEMORY, b2=0.999, eps=1e-8)
