"""CMA-ES: a Gaussian that adapts mean, step size and covariance to ranked samples.

Hansen 2016, "The CMA Evolution Strategy: A Tutorial", arXiv:1604.00772. Unbatched: the caller
vmaps. Differs: the number of parents may change with every update, and may be zero; pyribs'
native CMA-ES leaves the division by sigma out of the covariance path and applies c1 twice.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

MAX_CONDITION = 1e6
"""Eigenvalue ratio beyond which a float32 covariance is noise (textbooks: 1e14 in float64)."""
MIN_STEP = 1e-11
"""Largest standard deviation below which a search has converged."""
FLAT = 1e-12
"""Range of the samples' values below which there is nothing to climb."""
EXACT = jax.lax.Precision.HIGHEST
"""Some GPUs would else multiply in ten-bit precision."""


class Search(eqx.Module):
    """One Gaussian N(mean, sigma² C) and its paths."""

    mean: Float[Array, " dims"]
    sigma: Float[Array, ""]
    covariance: Float[Array, "dims dims"]
    basis: Float[Array, "dims dims"]
    """Eigenvectors of the covariance in columns, as of the last `decompose`."""
    scales: Float[Array, " dims"]
    """Square roots of its eigenvalues, ascending."""
    sigma_path: Float[Array, " dims"]
    covariance_path: Float[Array, " dims"]
    generations: Int[Array, ""]
    """Updates since the (re)start."""


class Rates(NamedTuple):
    """Strategy parameters for given recombination weights."""

    mueff: Float[Array, ""]
    cc: Float[Array, ""]
    cs: Float[Array, ""]
    c1: Float[Array, ""]
    cmu: Float[Array, ""]
    damps: Float[Array, ""]


def start(mean: Float[Array, " dims"], sigma: float) -> Search:
    """A fresh search: round, of step size `sigma`."""
    dims = mean.shape[0]
    return Search(
        mean=mean,
        sigma=jnp.float32(sigma),
        covariance=jnp.eye(dims, dtype=jnp.float32),
        basis=jnp.eye(dims, dtype=jnp.float32),
        scales=jnp.ones(dims, jnp.float32),
        sigma_path=jnp.zeros(dims, jnp.float32),
        covariance_path=jnp.zeros(dims, jnp.float32),
        generations=jnp.zeros((), jnp.int32),
    )


def sample(search: Search, normals: Float[Array, "batch dims"]) -> Float[Array, "batch dims"]:
    """`mean + sigma B D z` for each row z of standard normal numbers."""
    stretch = search.sigma * search.basis * search.scales[None]
    return search.mean[None] + jnp.matmul(normals, stretch.T, precision=EXACT)


def weigh(rank: Int[Array, " batch"], parents: Int[Array, ""]) -> Float[Array, " batch"]:
    """Recombination weights `ln(μ + 1/2) - ln(i)` of the μ = `parents` best, summing to 1.

    `rank` counts from 0, the best. All weights are 0 if there are no parents.
    """
    mu = parents.astype(jnp.float32)
    weights = jnp.log(mu + np.float32(0.5)) - jnp.log(rank.astype(jnp.float32) + 1)
    weights = jnp.where(rank < parents, weights, np.float32(0))
    return weights / jnp.where(parents > 0, jnp.sum(weights), np.float32(1))


def rates(weights: Float[Array, " batch"], dims: int) -> Rates:
    """The tutorial's default strategy parameters (its table 1, with positive weights only)."""
    n = np.float32(dims)
    squares = jnp.sum(weights**2)
    mueff = 1 / jnp.where(squares > 0, squares, np.float32(1))
    c1 = 2 / ((n + np.float32(1.3)) ** 2 + mueff)
    cs = (mueff + 2) / (n + mueff + 5)
    # Not below zero: for one parent rounding could turn the 1 - 2 + 1/1 negative.
    rank_mu = jnp.maximum(mueff - 2 + 1 / mueff, np.float32(0))
    return Rates(
        mueff=mueff,
        cc=(4 + mueff / n) / (n + 4 + 2 * mueff / n),
        cs=cs,
        c1=c1,
        cmu=jnp.minimum(1 - c1, 2 * rank_mu / ((n + 2) ** 2 + mueff)),
        damps=1 + cs + 2 * jnp.maximum(0, jnp.sqrt(jnp.maximum(mueff - 1, 0) / (n + 1)) - 1),
    )


def update(
    search: Search,
    solutions: Float[Array, "batch dims"],
    rank: Int[Array, " batch"],
    parents: Int[Array, ""],
    *,
    rank_one: bool = True,
) -> Search:
    """One generation: move to the weighted mean of the best, and adapt.

    `rank_one` False leaves the path out of the covariance. Without parents the search is returned as it was. `basis` and `scales` are left alone:
    `decompose` renews them, every few generations.
    """
    dims = search.mean.shape[0]
    weights = weigh(rank, parents)
    rate = rates(weights, dims)
    if not rank_one:
        rate = rate._replace(c1=jnp.zeros_like(rate.c1))
    # A sample without weight may be anything, infinite even: it must not reach the sums.
    steps = jnp.where(weights[:, None] > 0, solutions - search.mean[None], 0) / search.sigma
    move = jnp.matmul(weights, steps, precision=EXACT)

    in_basis = jnp.matmul(move, search.basis, precision=EXACT) / search.scales
    white = jnp.matmul(search.basis, in_basis, precision=EXACT)
    push = jnp.sqrt(rate.cs * (2 - rate.cs) * rate.mueff)
    sigma_path = (1 - rate.cs) * search.sigma_path + push * white
    length = jnp.sum(sigma_path**2) / np.float32(dims)

    generations = search.generations + 1
    warm = 1 - (1 - rate.cs) ** (2 * generations.astype(jnp.float32))
    # The tutorial's h_sigma: hold the covariance path while the step size is still growing fast.
    steady = (length / warm < np.float32(2 + 4 / (dims + 1))).astype(jnp.float32)
    pull = steady * jnp.sqrt(rate.cc * (2 - rate.cc) * rate.mueff)
    path = (1 - rate.cc) * search.covariance_path + pull * move

    lost = rate.c1 * (1 - (1 - steady) * rate.cc * (2 - rate.cc)) + rate.cmu
    rank_mu = jnp.matmul((weights[:, None] * steps).T, steps, precision=EXACT)
    covariance = (
        (1 - lost) * search.covariance
        + rate.c1 * path[:, None] * path[None, :]
        + rate.cmu * rank_mu
    )
    growth = jnp.exp(jnp.minimum(1, rate.cs / rate.damps * (length - 1) / 2))
    moved = Search(
        mean=search.mean + search.sigma * move,
        sigma=search.sigma * growth,
        covariance=covariance,
        basis=search.basis,
        scales=search.scales,
        sigma_path=sigma_path,
        covariance_path=path,
        generations=generations,
    )
    return jax.tree.map(lambda new, old: jnp.where(parents > 0, new, old), moved, search)


def decompose(search: Search) -> Search:
    """Renew `basis` and `scales` from the covariance."""
    values, vectors = jnp.linalg.eigh(search.covariance)
    # A covariance too flat for its precision is stopped by `converged`; until then stay positive.
    floor = values[-1] / np.float32(10 * MAX_CONDITION)
    scales = jnp.sqrt(jnp.maximum(values, floor))
    return eqx.tree_at(lambda s: (s.basis, s.scales), search, (vectors, scales))


def decompose_every(dims: int, batch: int) -> int:
    """Generations between decompositions, so that C changes little: `1 / (2 n (c1 + cmu))`.

    Source: the lazy update of Hansen's purecma.py, in generations.
    """
    mu = batch // 2
    weights = np.log(mu + 0.5) - np.log(np.arange(1, mu + 1))
    mueff = float(weights.sum() ** 2 / (weights**2).sum())
    c1 = 2 / ((dims + 1.3) ** 2 + mueff)
    cmu = min(1 - c1, 2 * (mueff - 2 + 1 / mueff) / ((dims + 2) ** 2 + mueff))
    return max(1, int(np.ceil(0.5 / (dims * (c1 + cmu)))))


def converged(search: Search, spread: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether to stop: ill-conditioned, too small, or (by the `spread` of values) flat."""
    low, high = search.scales[0], search.scales[-1]
    ill = high * high > np.float32(MAX_CONDITION) * low * low
    small = search.sigma * high < np.float32(MIN_STEP)
    return ill | small | (spread < np.float32(FLAT))
