"""Soft thresholds: a cell's bar rises gently towards what was accepted (CMA-MAE).

Fontaine & Nikolaidis 2023, "Covariance Matrix Adaptation MAP-Annealing", arXiv:2205.10752.
The archive this trains on is *not* elitist. Keep a second, elitist one for results.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cairn.archive.elites import EMPTY, Candidates, Elites, Offer, offer, place, settle, vacate


def insert(
    elites: Elites,
    threshold: Float[Array, " cells"],
    candidates: Candidates,
    *,
    rate: float,
) -> tuple[Elites, Float[Array, " cells"], Offer]:
    """Accept what lies above the cell's threshold `t`, then raise it.

    With k accepted in a cell, of mean fitness f̄, and the archive learning rate α = `rate`:
    `t ← (1 - α)^k t + (1 - (1 - α)^k) f̄`. The fittest of them becomes the cell's elite even
    where the incumbent was fitter: only the threshold has to be beaten. α = 1 keeps the mean of
    what was last accepted, α = 0 never moves: plain optimisation.

    `Offer.value` is fitness minus threshold, in empty cells too. Start thresholds at a known
    lower bound of the fitness.
    """
    candidates, valid = settle(elites, candidates)
    cell, fitness = candidates.cell, candidates.fitness
    bar = threshold[cell]
    empty_cell = elites.fitness[cell] == EMPTY
    accepted = valid & (fitness > bar)
    elites = vacate(elites, candidates, accepted)
    elites, entered, winner = place(elites, candidates, accepted, empty_cell)

    groups = fitness.shape[0] + 1
    count = jax.ops.segment_sum(accepted.astype(jnp.float32), winner, groups)[winner]
    total = jax.ops.segment_sum(jnp.where(accepted, fitness, np.float32(0)), winner, groups)[winner]
    keep = jnp.float32(1 - rate) ** count
    raised = keep * bar + (1 - keep) * total / jnp.maximum(count, np.float32(1))
    # Whoever entered writes for its cell: once, whatever the number accepted.
    slot = jnp.where(entered, cell, np.int32(elites.cells))
    threshold = threshold.at[slot].set(raised, mode="drop")
    return elites, threshold, offer(entered, valid, accepted, empty_cell, fitness - bar)
