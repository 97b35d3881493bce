"""What the methods of this wing share: what is on offer, what is told, and the program."""

import math
from functools import partial
from types import ModuleType
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt32

from cairn.archive.elites import Candidates, Elites, best, coverage, qd_score
from cairn.archive.tessellation import check_cells
from cairn.core.errors import ConfigError
from cairn.core.ledger import Ledger
from cairn.engine.program import Program, Report
from cairn.qd.tasks import Task

COUNTS = ("evaluations",)
"""The ledger of a search counts solutions evaluated, and its budget is on them."""
MOST = 2**32
"""Ids are uint32 and only grow: a run ends before it has evaluated so many solutions."""


def program(method: ModuleType, task: Task, config: Any, budget: int = 0) -> Program:
    """A method of this wing bound to its task and settings, to evaluate `budget` solutions."""
    if budget >= MOST - config.children:
        raise ConfigError(
            f"steps must stay below 2^32 less one batch of {config.children} evaluations, got"
            f" {budget}: solutions are numbered in 32 bits."
        )
    return Program(
        init=partial(method.init, task, config),
        step=partial(method.step, task, config),
        counts=COUNTS,
        budget=COUNTS,
    )


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
