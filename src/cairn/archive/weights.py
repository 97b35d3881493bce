"""How likely an archive is to replay each level: score and staleness, mixed.

Jiang et al. 2021, arXiv:2010.03934. With K slots, clock c and temperature β:

    P_S(i) ∝ h(score_i)^(1/β)       P_C(i) ∝ c - stamp_i       P = (1 - ρ) P_S + ρ P_C
"""

import math
from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cairn.core.errors import ConfigError


@dataclass(frozen=True)
class ReplayConfig:
    """How a replay archive draws and evicts."""

    capacity: int = 4000
    """K, levels kept. 4000 in every public maze study of prioritised replay."""
    prioritisation: Literal["rank", "proportional", "topk"] = "rank"
    """h: 1/rank, max(score, 0), or a softmax of the raw scores of the `topk` best."""
    temperature: float = 0.3
    """β > 0; smaller is greedier. Not used by `topk`. At K = 4000 and 0.3 the best level holds
    87 % of P_S; 0.1 (Procgen, DCD mazes of 25 blocks) gives it 99.9 %."""
    staleness: float = 0.3
    """ρ in [0, 1], the share of P_C. Supplies nearly all variety when β is small."""
    minimum_fill: float = 0.5
    """Share of K to be filled before replay starts, in (0, 1]."""
    topk: int = 1
    """How many of the best `topk` draws from. 1 in the SFL study's replay."""

    def __post_init__(self) -> None:
        _require(self.capacity >= 1, "capacity must be at least 1", self.capacity)
        _require(
            self.temperature > 0 and math.isfinite(self.temperature),
            "temperature must be positive and finite",
            self.temperature,
        )
        _require(0 <= self.staleness <= 1, "staleness must lie in [0, 1]", self.staleness)
        _require(0 < self.minimum_fill <= 1, "minimum_fill must lie in (0, 1]", self.minimum_fill)
        _require(1 <= self.topk <= self.capacity, "topk must lie in [1, capacity]", self.topk)


def _require(holds: bool, expected: str, got: float | int) -> None:
    if not holds:
        raise ConfigError(f"ReplayConfig.{expected}, got {got}.")


def score_probabilities(
    scores: Float[Array, " K"],
    ranks: Int[Array, " K"],
    occupied: Bool[Array, " K"],
    config: ReplayConfig,
) -> Float[Array, " K"]:
    """P_S. Uniform over the levels where no level has weight; all 0 in an empty archive."""
    power = 1.0 / config.temperature
    match config.prioritisation:
        case "rank":
            # A table, made while tracing: reading it is several times faster than the power.
            table = np.arange(1.0, ranks.shape[0] + 1) ** -power
            weights = jnp.asarray(table.astype(np.float32))[ranks]
        case "proportional":
            # A floor keeps worthless levels alive where no staleness does (level-replay).
            floor = 1e-3 if config.staleness == 0 else 0.0
            gain = jnp.maximum(scores, 0.0) + floor
            best = jnp.max(jnp.where(occupied, gain, 0.0))
            # Dividing by the best first: a large score to the power 1/β overflows.
            weights = (gain / jnp.where(best > 0, best, 1.0)) ** power
        case "topk":
            best = jnp.max(jnp.where(occupied & (ranks == 0), scores, jnp.finfo(jnp.float32).min))
            weights = jnp.where(ranks < config.topk, jnp.exp(jnp.minimum(scores - best, 0.0)), 0.0)
    return _normalise(jnp.where(occupied, weights, 0.0), occupied)


def staleness_probabilities(
    stamps: Int[Array, " K"], clock: Int[Array, ""], occupied: Bool[Array, " K"]
) -> Float[Array, " K"]:
    """P_C. Uniform over the levels where all were stamped just now."""
    age = jnp.where(occupied, clock - stamps, 0).astype(jnp.float32)
    return _normalise(age, occupied)


def mixture(
    scores: Float[Array, " K"],
    ranks: Int[Array, " K"],
    stamps: Int[Array, " K"],
    clock: Int[Array, ""],
    occupied: Bool[Array, " K"],
    config: ReplayConfig,
) -> Float[Array, " K"]:
    """P = (1 - ρ) P_S + ρ P_C, given the ranks."""
    by_score = score_probabilities(scores, ranks, occupied, config)
    by_age = staleness_probabilities(stamps, clock, occupied)
    return (1 - config.staleness) * by_score + config.staleness * by_age


def _normalise(weights: Float[Array, " K"], occupied: Bool[Array, " K"]) -> Float[Array, " K"]:
    total, count = weights.sum(), occupied.sum().astype(jnp.float32)
    uniform = occupied.astype(jnp.float32) / jnp.maximum(count, 1.0)
    return jnp.where(total > 0, weights / jnp.where(total > 0, total, 1.0), uniform)
