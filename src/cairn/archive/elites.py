"""Elites: the best solution found so far in each cell, whatever the cells are.

A cell holds the *id* of its elite. Ids only grow, so an evicted parent can still be named; what
does not fit an array (a prompt, a program) lives in a table beside, under the same id.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree, Shaped, UInt32

from cairn.archive.once import once

REJECTED, IMPROVED, NEW = range(3)
"""`Offer.status`: beaten or not valid; better than the incumbent; first in its cell."""


class Elites(eqx.Module):
    """One row per cell. Rows that are not `occupied` hold zeros and mean nothing."""

    ids: UInt32[Array, " cells"]
    occupied: Bool[Array, " cells"]
    fitness: Float[Array, " cells"]
    descriptors: PyTree[Shaped[Array, "cells ..."]]
    solutions: PyTree[Shaped[Array, "cells ..."]]
    filled: Int[Array, " cells"]
    """The occupied cells in the order they were first filled, int32; `count` of them."""
    count: Int[Array, ""]

    @property
    def cells(self) -> int:
        """How many cells there are, occupied or not."""
        return self.ids.shape[0]


class Candidates(eqx.Module):
    """A batch on offer. One whose fitness is not finite, or whose cell is none, never enters."""

    ids: UInt32[Array, " batch"]
    fitness: Float[Array, " batch"]
    descriptors: PyTree[Shaped[Array, "batch ..."]]
    solutions: PyTree[Shaped[Array, "batch ..."]]
    cell: Int[Array, " batch"]
    """From a tessellation: in [0, cells), or `cells` for none."""


class Offer(NamedTuple):
    """What became of each candidate, judged against the archive before the batch."""

    entered: Bool[Array, " batch"]
    """It is now its cell's elite: at most one per cell."""
    valid: Bool[Array, " batch"]
    """Its fitness is finite and it has a cell."""
    status: Int[Array, " batch"]
    """REJECTED, IMPROVED or NEW; more than one candidate of a cell may have improved on it."""
    value: Float[Array, " batch"]
    """Fitness minus what had to be beaten; the fitness itself in an empty cell; 0 if not valid."""


def empty(cells: int, *, solution: PyTree, descriptor: PyTree) -> Elites:
    """No elites yet. `solution` and `descriptor` are examples of one row: shapes and dtypes."""

    def rows(example: PyTree) -> PyTree:
        return jax.tree.map(lambda x: jnp.zeros((cells, *jnp.shape(x)), jnp.result_type(x)), example)

    return Elites(
        ids=jnp.zeros(cells, jnp.uint32),
        occupied=jnp.zeros(cells, bool),
        fitness=jnp.zeros(cells, jnp.float32),
        descriptors=rows(descriptor),
        solutions=rows(solution),
        filled=jnp.zeros(cells, jnp.int32),
        count=jnp.zeros((), jnp.int32),
    )


def insert(elites: Elites, candidates: Candidates) -> tuple[Elites, Offer]:
    """Offer a batch; each cell keeps the fittest.

    A tie goes to the incumbent, then to the earlier candidate: the result is that of offering
    the candidates one by one. Costs a time that depends on the batch alone, not on the cells.

    Source: Mouret & Clune 2015, arXiv:1504.04909, here in batches.
    """
    candidates, valid = settle(elites, candidates)
    empty_cell = ~elites.occupied[candidates.cell]
    bar = jnp.where(empty_cell, np.float32(0), elites.fitness[candidates.cell])
    better = valid & (empty_cell | (candidates.fitness > bar))
    elites, entered, _ = place(elites, candidates, better, empty_cell)
    return elites, offer(entered, valid, better, empty_cell, candidates.fitness - bar)


def settle(
    elites: Elites, candidates: Candidates
) -> tuple[Candidates, Bool[Array, " batch"]]:
    """Which candidates are valid; cell and fitness fixed, and harmless (0) where they are not."""
    fitness, cell = once(candidates.fitness), once(candidates.cell)
    valid = (cell >= np.int32(0)) & (cell < np.int32(elites.cells)) & jnp.isfinite(fitness)
    cell = jnp.where(valid, cell, np.int32(0))
    fitness = jnp.where(valid, fitness, np.float32(0))
    fixed = eqx.tree_at(lambda c: (c.fitness, c.cell), candidates, (fitness, cell))
    return fixed, valid


def offer(
    entered: Bool[Array, " batch"],
    valid: Bool[Array, " batch"],
    better: Bool[Array, " batch"],
    empty_cell: Bool[Array, " batch"],
    value: Float[Array, " batch"],
) -> Offer:
    """Put the outcome of an insertion into words that rankers understand."""
    status = jnp.where(empty_cell, np.int32(NEW), np.int32(IMPROVED))
    status = jnp.where(better, status, np.int32(REJECTED))
    return Offer(entered, valid, status, once(jnp.where(valid, value, np.float32(0))))


def place(
    elites: Elites,
    candidates: Candidates,
    eligible: Bool[Array, " batch"],
    empty_cell: Bool[Array, " batch"],
) -> tuple[Elites, Bool[Array, " batch"], Int[Array, " batch"]]:
    """Write, for each cell with eligible candidates, the fittest of them; the earlier of equals.

    Expects candidates that went through `settle`. `empty_cell` says whose cell holds nobody yet. Returns the elites, who entered, and each eligible candidate's *leader*: the position of the
    first eligible candidate of its cell (the batch size for the others), a name for the group.
    """
    cells, batch = elites.cells, candidates.cell.shape[0]
    position = jnp.arange(batch, dtype=jnp.int32)
    claims, leader = _leaders(elites.ids, jnp.where(eligible, candidates.cell, np.int32(cells)))

    best = jax.ops.segment_max(candidates.fitness, leader, batch + 1)[leader]
    tied = eligible & (candidates.fitness == best)
    first = jnp.where(tied, position, np.int32(batch))
    entered = tied & (position == jax.ops.segment_min(first, leader, batch + 1)[leader])

    # Losers get an index beyond the end, each its own, so that the scatter may trust that no
    # index comes twice; at most one candidate writes to a cell, so order cannot matter.
    nowhere = np.int32(cells) + position
    slot = jnp.where(entered, candidates.cell, nowhere)
    fresh = entered & empty_cell
    rank = jnp.cumsum(fresh.astype(jnp.int32)) - 1

    def write(old: Array, new: Array) -> Array:
        return old.at[slot].set(new, mode="drop", unique_indices=True)

    return (
        Elites(
            ids=write(claims, candidates.ids),
            occupied=write(elites.occupied, entered),
            fitness=write(elites.fitness, candidates.fitness),
            descriptors=jax.tree.map(write, elites.descriptors, candidates.descriptors),
            solutions=jax.tree.map(write, elites.solutions, candidates.solutions),
            filled=elites.filled.at[jnp.where(fresh, elites.count + rank, nowhere)].set(
                candidates.cell, mode="drop", unique_indices=True
            ),
            count=elites.count + jnp.sum(fresh, dtype=jnp.int32),
        ),
        entered,
        leader,
    )


def _leaders(
    ids: UInt32[Array, " cells"], slot: Int[Array, " batch"]
) -> tuple[UInt32[Array, " cells"], Int[Array, " batch"]]:
    """The first position that names the same slot; the batch size where the slot is `cells`.

    The column of ids serves as scratch, since a new array of all cells would cost time per cell:
    it comes back with the leader's position in every slot named, there to be overwritten.
    """
    cells, batch = ids.shape[0], slot.shape[0]
    position = jnp.arange(batch, dtype=jnp.uint32)
    # Every writer sets one value, then the smallest position stays, so order cannot matter.
    claims = ids.at[slot].set(np.uint32(batch), mode="drop")
    claims = claims.at[slot].min(position, mode="drop")
    named = slot < np.int32(cells)
    claim = claims[jnp.where(named, slot, np.int32(0))].astype(jnp.int32)
    return claims, jnp.where(named, claim, np.int32(batch))


def coverage(elites: Elites) -> Float[Array, ""]:
    """Share of the cells that are occupied."""
    return elites.count.astype(jnp.float32) / np.float32(elites.cells)


def qd_score(elites: Elites, *, offset: float = 0.0) -> Float[Array, ""]:
    """Sum over the elites of fitness minus `offset`, the lowest fitness possible.

    Without a true lower bound as offset, the score falls when a poor elite fills a new cell.
    """
    above = jnp.where(elites.occupied, elites.fitness - np.float32(offset), np.float32(0))
    return jnp.sum(above)


def best(elites: Elites) -> Float[Array, ""]:
    """The highest fitness of any elite; 0 if there is none (`count` tells)."""
    lowest = np.finfo(np.float32).min
    highest = jnp.max(jnp.where(elites.occupied, elites.fitness, lowest))
    return jnp.where(elites.count > 0, highest, np.float32(0))
