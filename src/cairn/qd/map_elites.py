"""MAP-Elites: vary elites, keep the best child in each cell.

Mouret & Clune 2015, arXiv:1504.04909; along lines: Vassiliades & Mouret 2018, arXiv:1804.03906.
Differs: children come in batches.
"""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.archive.elites import Elites, empty, insert
from cairn.core import checks
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.engine.program import Report
from cairn.qd import common
from cairn.qd.method import method
from cairn.qd.tasks import Task, descriptor
from cairn.sampler.emitters.variation import draw_cells, gaussian, iso_line


@dataclass(frozen=True)
class Config:
    """MAP-Elites."""

    batch: int = 540
    """Children per cycle; 540 in the published benchmark (15 emitters of 36)."""
    iso: float = 0.5
    """Std of the step in every direction, in units of the task's `scale`; 0.5 there."""
    line: float = 0.0
    """Std of the step along the line to another elite, in distances to it; 0 turns it off, 0.2
    in the published benchmark."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "batch")
        checks.not_negative(self, "iso", "line")

    @property
    def children(self) -> int:
        """Evaluations of a cycle."""
        return self.batch


class State(eqx.Module):
    """All that a search needs to go on."""

    key: Key[Array, ""]
    cycle: Int[Array, ""]
    ledger: Ledger
    elites: Elites
    standing: common.Standing


def init(task: Task, config: Config, key: Key[Array, ""]) -> State:
    """No elites yet."""
    return State(
        key=key,
        cycle=jnp.zeros((), jnp.int32),
        ledger=common.unspent(),
        elites=empty(task.tessellation.cells, solution=task.start, descriptor=descriptor(task)),
        standing=common.nobody(),
    )


def step(task: Task, config: Config, state: State) -> tuple[State, Report]:
    """One generation: select and vary, evaluate, insert."""
    children = ask(task, config, state)
    return tell(task, config, state, children, *task.evaluate(children))


def ask(task: Task, config: Config, state: State) -> Float[Array, "batch dims"]:
    """The children of one cycle; the first batch starts from `task.start`."""
    select_key = stream(state.key, "map_elites.select", state.cycle)
    vary_key = stream(state.key, "map_elites.vary", state.cycle)
    pairs = draw_cells(state.elites, select_key, 2 * config.batch)
    first = state.elites.count == 0

    def take(cells: Int[Array, " batch"]) -> Float[Array, "batch dims"]:
        return jnp.where(first, task.start[None], state.elites.solutions[cells])

    parents, iso = take(pairs[: config.batch]), config.iso * task.scale
    if config.line == 0:
        return gaussian(vary_key, parents, std=iso)
    partners = take(pairs[config.batch :])
    return iso_line(vary_key, parents, partners, iso=iso, line=config.line)


def tell(
    task: Task,
    config: Config,
    state: State,
    children: Float[Array, "batch dims"],
    fitness: Float[Array, " batch"],
    descriptors: Float[Array, "batch measures"],
) -> tuple[State, Report]:
    """Insert what came of the children that `ask` made."""
    offered = common.candidates(task, state.elites, state.ledger, children, fitness, descriptors)
    elites, offer = insert(state.elites, offered)
    standing = common.after(state.standing, fitness, offer, lowest=task.lowest)
    after = State(
        key=state.key,
        cycle=state.cycle + 1,
        ledger=state.ledger.add(evaluations=config.children),
        elites=elites,
        standing=standing,
    )
    return after, common.report(elites, standing, offer)


METHOD = method(__doc__, Config, init, step)
