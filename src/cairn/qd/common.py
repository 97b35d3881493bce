"""What the methods of this wing share: what they count, offer and tell."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cairn.archive.elites import EMPTY, NEW, Candidates, Elites, Offer, coverage
from cairn.archive.tessellation import check_cells
from cairn.core.ledger import Ledger
from cairn.engine.program import Report
from cairn.qd.tasks import Task

COUNTS = ("evaluations",)
"""The ledger of a search counts solutions evaluated, and its budget is on them."""


class Standing(eqx.Module):
    """How good a map is, kept up to date by what enters it: to look at every cell costs more."""

    score: Float[Array, ""]
    """The QD score: what the elites' fitness is above `task.lowest`, summed."""
    surplus: Float[Array, ""]
    """What rounding has added to `score` beyond the true sum (Kahan's summation)."""
    best: Float[Array, ""]
    """The highest fitness; -inf while there is nobody."""


def nobody() -> Standing:
    """Of an empty map. Each its own buffer: a donated one cannot serve twice."""
    return Standing(jnp.zeros(()), jnp.zeros(()), jnp.full((), EMPTY))


def unspent() -> Ledger:
    """The ledger before the first evaluation."""
    return Ledger.zero(COUNTS)


def candidates(
    task: Task,
    elites: Elites,
    ledger: Ledger,
    solutions: Float[Array, "batch dims"],
    fitness: Float[Array, " batch"],
    descriptors: Float[Array, "batch measures"],
) -> Candidates:
    """Evaluated solutions on offer to `elites`. Their ids go on from those evaluated before."""
    check_cells(task.tessellation, elites.cells)
    before = ledger.counts["evaluations"][1]  # all there are: a run ends before 2^32
    ids = before + jnp.arange(solutions.shape[0], dtype=jnp.uint32)
    cell = task.tessellation.cell(descriptors)
    return Candidates(ids, fitness, descriptors, solutions, cell)


def after(
    standing: Standing, fitness: Float[Array, " batch"], offer: Offer, *, lowest: float
) -> Standing:
    """Once some of those on offer have entered a map that keeps the fittest of each cell.

    `lowest` is the task's; a score without a lower bound counts from 0.
    """
    lowest = lowest if math.isfinite(lowest) else 0.0
    first = (offer.status == np.int32(NEW)).astype(jnp.float32)
    gain = jnp.where(offer.entered, offer.value - np.float32(lowest) * first, np.float32(0))
    added = jnp.sum(gain) - standing.surplus
    score = standing.score + added
    entered = jnp.where(offer.entered, fitness, EMPTY)
    return Standing(
        score=score,
        surplus=(score - standing.score) - added,
        best=jnp.maximum(standing.best, jnp.max(entered)),
    )


def report(elites: Elites, standing: Standing, offer: Offer, **more: Float[Array, ""]) -> Report:
    """How good the map is: the same figures from every method, and `more` of its own."""
    held = elites.count > 0
    metrics = {
        "coverage": coverage(elites),
        "qd_score": standing.score,
        "best": jnp.where(held, standing.best, np.float32(0)),
        "entered": jnp.sum(offer.entered, dtype=jnp.float32),
    }
    # Nobody is the best of an empty map.
    return Report(metrics | more, weights={"best": held.astype(jnp.float32)})
