"""Several CMA-ES side by side that climb the archive's improvement: the heart of CMA-ME.

Fontaine et al. 2020, arXiv:1912.02400; as an emitter for CMA-MAE: arXiv:2205.10752.
All searches ask and tell together, in arrays with a leading axis of emitters.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.archive.elites import Elites, Offer
from cairn.core import branches, checks, trees
from cairn.sampler.emitters import cma_es
from cairn.sampler.emitters.normal import normal
from cairn.sampler.emitters.variation import draw_cells


@dataclass(frozen=True)
class Config:
    """Of the emitters; the defaults are those of CMA-ME in pyribs' benchmark."""

    emitters: int = 15
    """Searches side by side."""
    batch: int = 36
    """Samples of each per step (λ), at least 2."""
    sigma: float = 0.5
    """Step size at every (re)start, in units of the task's `scale`."""
    rank_by: Literal["status", "improvement"] = "status"
    """`status`: new cells first, then improvements, then the rest, each by improvement;
    `improvement`: by improvement alone."""
    parents: Literal["accepted", "half"] = "accepted"
    """Who moves the search: those that the archive accepted, or the better half."""
    restart: Literal["no_improvement", "converged"] = "no_improvement"
    """When, besides convergence, a search starts anew from a random elite: after a step with
    nothing accepted, or never."""
    rank_one: bool = True
    """Whether the covariance also learns from its path, as in textbooks. pyribs' native CMA-ES
    shrinks that term to almost nothing, so False is what reproduces its published figures."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "emitters")
        checks.at_least(self, 2, "batch")
        checks.positive(self, "sigma")

    @property
    def children(self) -> int:
        """Samples of all searches in a step."""
        return self.emitters * self.batch

    def at(self, scale: float) -> "Config":
        """With the step size in units of a solution's entries, where `scale` is of that unit."""
        return replace(self, sigma=self.sigma * scale)


def init(start: Float[Array, " dims"], *, config: Config) -> cma_es.Search:
    """All searches at `start`."""
    means = jnp.tile(start[None], (config.emitters, 1))
    return jax.vmap(lambda mean: cma_es.start(mean, config.sigma))(means)


def ask(
    searches: cma_es.Search, key: Key[Array, ""], *, config: Config
) -> Float[Array, "emitters batch dims"]:
    """A batch of samples from every search."""
    dims = searches.mean.shape[1]
    normals = normal(key, (config.emitters, config.batch, dims))
    return jax.vmap(cma_es.sample)(searches, normals)


class Ranking(NamedTuple):
    """How one search's samples did."""

    rank: Int[Array, " batch"]
    """0 is the best; equals by position."""
    parents: Int[Array, ""]
    """How many of the best move the search."""
    stuck: Bool[Array, ""]
    """Nothing accepted, under the rule that restarts for it."""
    spread: Float[Array, ""]
    """Range of the values that were ranked."""


def rank(offer: Offer, *, config: Config) -> Ranking:
    """Rank one search's samples by what the archive said of them."""
    group = offer.status if config.rank_by == "status" else jnp.zeros_like(offer.status)
    group = jnp.where(offer.valid, group, np.int32(-1))
    position = jnp.arange(group.shape[0], dtype=jnp.int32)

    def beats(a: Array, b: Array) -> tuple[Array, Array]:
        return a[:, None] > b[None, :], a[:, None] == b[None, :]

    higher_group, same_group = beats(group, group)
    higher, same = beats(offer.value, offer.value)
    earlier = position[:, None] < position[None, :]
    wins = higher_group | (same_group & (higher | (same & earlier)))

    accepted = jnp.sum(offer.status > 0, dtype=jnp.int32)
    usable = jnp.sum(offer.valid, dtype=jnp.int32)
    half = jnp.minimum(usable, np.int32(config.batch // 2))
    parents = accepted if config.parents == "accepted" else half
    groups = (jnp.max(group) - jnp.min(group)).astype(jnp.float32)
    return Ranking(
        rank=jnp.sum(wins, axis=0, dtype=jnp.int32),
        parents=parents,
        stuck=(accepted == 0) & np.bool_(config.restart == "no_improvement"),
        spread=jnp.max(offer.value) - jnp.min(offer.value) + groups,
    )


def tell(
    searches: cma_es.Search,
    key: Key[Array, ""],
    solutions: Float[Array, "emitters batch dims"],
    offer: Offer,
    elites: Elites,
    step: Int[Array, ""],
    *,
    config: Config,
) -> tuple[cma_es.Search, Bool[Array, " emitters"]]:
    """Adapt every search to the archive's verdicts (fields of `offer`: emitters × batch).

    A search that is stuck or has converged starts anew from an elite drawn uniformly.
    Returns the searches and which of them were restarted.
    """
    ranking = jax.vmap(lambda one: rank(one, config=config))(offer)
    update = jax.vmap(partial(cma_es.update, rank_one=config.rank_one))
    searches = update(searches, solutions, ranking.rank, ranking.parents)
    # One branch for all searches, on the step counter: mapped over, it would become both branches.
    every = cma_es.decompose_every(solutions.shape[2], config.batch)
    searches = branches.when(
        (step + 1) % np.int32(every) == 0, jax.vmap(cma_es.decompose), lambda s: s, searches
    )
    done = ranking.stuck | jax.vmap(cma_es.converged)(searches, ranking.spread)
    restart = done & (elites.count > 0)
    means = elites.solutions[draw_cells(elites, key, config.emitters)]
    fresh = jax.vmap(lambda mean: cma_es.start(mean, config.sigma))(means)
    return trees.where(restart, fresh, searches), restart
