"""What the methods of this wing share: what they count, offer and tell."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt32

from cairn.archive.elites import Candidates, Elites, best, coverage, qd_score
from cairn.archive.tessellation import check_cells
from cairn.core.ledger import Ledger
from cairn.engine.program import Report
from cairn.qd.tasks import Task

COUNTS = ("evaluations",)
"""The ledger of a search counts solutions evaluated, and its budget is on them."""


def unspent() -> Ledger:
    """The ledger before the first evaluation."""
    return Ledger.zero(COUNTS)


def candidates(
    task: Task,
    elites: Elites,
    first_id: UInt32[Array, ""],
    solutions: Float[Array, "batch dims"],
    fitness: Float[Array, " batch"],
    descriptors: Float[Array, "batch measures"],
) -> Candidates:
    """Evaluated solutions on offer to `elites`, numbered from `first_id`."""
    check_cells(task.tessellation, elites.cells)
    ids = first_id + jnp.arange(solutions.shape[0], dtype=jnp.uint32)
    cell = task.tessellation.cell(descriptors)
    return Candidates(ids, fitness, descriptors, solutions, cell)


def report(
    task: Task, elites: Elites, entered: Bool[Array, " batch"], **more: Float[Array, ""]
) -> Report:
    """How good the map is: the same figures from every method, and `more` of its own."""
    offset = task.lowest if math.isfinite(task.lowest) else 0.0
    metrics = {
        "coverage": coverage(elites),
        "qd_score": qd_score(elites, offset=offset),
        "best": best(elites),
        "entered": jnp.sum(entered, dtype=jnp.float32),
    }
    # Nobody is the best of an empty map.
    held = (elites.count > 0).astype(jnp.float32)
    return Report(metrics | more, weights={"best": held})
