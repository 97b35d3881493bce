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
from cairn.core.errors import ConfigError

EMPTY = np.float32(-np.inf)
"""The fitness of nobody."""

REJECTED, IMPROVED, NEW = range(3)
"""`Offer.status`: beaten or not valid; better than the incumbent; first in its cell."""


class Elites(eqx.Module):
    """One row per cell. In rows that are not `occupied`, all but the fitness means nothing."""

    ids: UInt32[Array, " cells"]
    fitness: Float[Array, " cells"]
    """Finite; -inf in a cell that holds nobody, so that anybody beats it."""
    descriptors: PyTree[Shaped[Array, "cells ..."]]
    solutions: PyTree[Shaped[Array, "cells ..."]]
    filled: Int[Array, " cells"]
    """The occupied cells in the order they were first filled, int32; `count` of them."""
    count: Int[Array, ""]

    @property
    def cells(self) -> int:
        """How many cells there are, occupied or not."""
        return self.ids.shape[0]

    @property
    def occupied(self) -> Bool[Array, " cells"]:
        """Which cells hold an elite."""
        return self.fitness > EMPTY


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
        return jax.tree.map(
            lambda x: jnp.zeros((cells, *jnp.shape(x)), jnp.result_type(x)), example
        )

    return Elites(
        ids=jnp.zeros(cells, jnp.uint32),
        fitness=jnp.full(cells, EMPTY),
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
    incumbent = elites.fitness[candidates.cell]
    empty_cell = incumbent == EMPTY
    better = valid & (candidates.fitness > incumbent)
    elites, entered, _ = place(elites, candidates, better, empty_cell)
    bar = jnp.where(empty_cell, np.float32(0), incumbent)
    return elites, offer(entered, valid, better, empty_cell, candidates.fitness - bar)


def settle(elites: Elites, candidates: Candidates) -> tuple[Candidates, Bool[Array, " batch"]]:
    """Which candidates are valid; cell and fitness fixed, and harmless (0) where they are not.

    Raises ConfigError if their rows are not shaped like the archive's.
    """
    _check_rows("descriptor", elites.descriptors, candidates.descriptors)
    _check_rows("solution", elites.solutions, candidates.solutions)
    fitness, cell = once(candidates.fitness), once(candidates.cell)
    valid = (cell >= np.int32(0)) & (cell < np.int32(elites.cells)) & jnp.isfinite(fitness)
    cell = jnp.where(valid, cell, np.int32(0))
    fitness = jnp.where(valid, fitness, np.float32(0))
    fixed = eqx.tree_at(lambda c: (c.fitness, c.cell), candidates, (fitness, cell))
    return fixed, valid


def _check_rows(name: str, ours: PyTree, theirs: PyTree) -> None:
    # Rows of one number would be broadcast without a word, and others fail deep inside a scatter.
    row = lambda tree: jax.tree.map(lambda x: jnp.shape(x)[1:], tree)  # noqa: E731
    if row(ours) != row(theirs):
        raise ConfigError(
            f"each {name} must be shaped {row(ours)}, as in the example that the archive was made "
            f"with; got {row(theirs)}."
        )


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

    Expects candidates that went through `settle`, and that an eligible one is fitter than its
    cell's incumbent: `vacate` the cell where that is not the rule. `empty_cell` says whose cell
    held nobody. Returns the elites, who entered, and for each eligible candidate the position of
    the one that entered its cell (the batch size for the others): a name for the group.
    """
    cells, cell = np.int32(elites.cells), candidates.cell
    batch = cell.shape[0]
    position = jnp.arange(batch, dtype=jnp.int32)
    # The columns serve as scratch, since a new array of all cells would cost time per cell: first
    # each cell's fitness rises to the best offered, then its id becomes the position of the first
    # candidate that has it. Maximum and minimum, so the order of writing cannot matter.
    fitness = elites.fitness.at[jnp.where(eligible, cell, cells)].max(
        candidates.fitness, mode="drop"
    )
    tied = eligible & (candidates.fitness == fitness[cell])
    claims = jnp.where(tied, cell, cells)
    ids = elites.ids.at[claims].set(np.uint32(batch), mode="drop")
    ids = ids.at[claims].min(position.astype(jnp.uint32), mode="drop")
    winner = jnp.where(eligible, ids[cell].astype(jnp.int32), np.int32(batch))
    entered = winner == position

    # Losers get an index beyond the end, each its own, so that the scatter may trust that no
    # index comes twice; at most one candidate writes to a cell, so order cannot matter.
    nowhere = cells + position
    slot = jnp.where(entered, cell, nowhere)
    fresh = entered & empty_cell
    rank = jnp.cumsum(fresh.astype(jnp.int32)) - 1

    def write(old: Array, new: Array) -> Array:
        return old.at[slot].set(new, mode="drop", unique_indices=True)

    return (
        Elites(
            ids=write(ids, candidates.ids),
            fitness=fitness,
            descriptors=jax.tree.map(write, elites.descriptors, candidates.descriptors),
            solutions=jax.tree.map(write, elites.solutions, candidates.solutions),
            filled=elites.filled.at[jnp.where(fresh, elites.count + rank, nowhere)].set(
                cell, mode="drop", unique_indices=True
            ),
            count=elites.count + jnp.sum(fresh, dtype=jnp.int32),
        ),
        entered,
        winner,
    )


def vacate(elites: Elites, candidates: Candidates, eligible: Bool[Array, " batch"]) -> Elites:
    """Lower the fitness in the cells of eligible candidates, so that `place` heeds them alone."""
    cell = jnp.where(eligible, candidates.cell, np.int32(elites.cells))
    fitness = elites.fitness.at[cell].set(EMPTY, mode="drop")
    return eqx.tree_at(lambda e: e.fitness, elites, fitness)


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
    return jnp.where(elites.count > 0, jnp.max(elites.fitness), np.float32(0))
