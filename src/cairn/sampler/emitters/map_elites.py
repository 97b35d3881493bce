"""MAP-Elites: vary elites, keep the best child in each cell.

Mouret & Clune 2015, arXiv:1504.04909; along lines: Vassiliades & Mouret 2018, arXiv:1804.03906.
Differs: children come in batches.
"""

from dataclasses import dataclass
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt32

from cairn.archive.elites import Candidates, Elites, empty, insert
from cairn.archive.tessellation import Tessellation, check_cells
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.sampler.emitters.metrics import Metrics, check_steps, measure
from cairn.sampler.emitters.problems import Evaluate
from cairn.sampler.emitters.variation import draw_cells, gaussian, iso_line


@dataclass(frozen=True)
class Config:
    """Of the loop; the problem and the tessellation are arguments of their own."""

    batch: int = 540
    """Children per step; 540 in the published benchmark (15 emitters of 36)."""
    iso: float = 0.5
    """Std of the step in every direction, in units of a solution's entries; 0.5 there."""
    line: float = 0.0
    """Std of the step along the line to another elite, in distances to it; 0 turns it off, 0.2
    in the published benchmark."""

    def __post_init__(self):
        if self.batch < 1:
            raise ConfigError(f"map_elites.Config.batch must be at least 1, got {self.batch}.")
        for name, std in (("iso", self.iso), ("line", self.line)):
            if not 0 <= std < float("inf"):
                raise ConfigError(f"map_elites.Config.{name} must be 0 or more, got {std}.")


class State(eqx.Module):
    """All a run needs to go on, besides its root key."""

    elites: Elites
    start: Float[Array, " dims"]
    """The parent while there are no elites."""
    next_id: UInt32[Array, ""]
    """Id of the next child. Ids only grow; a run ends before 2³² of them."""
    steps: Int[Array, ""]


def init(tessellation: Tessellation, start: Float[Array, " dims"], *, descriptor: Array) -> State:
    """No elites yet; `descriptor` is an example of one, `start` the first parent."""
    return State(
        elites=empty(tessellation.cells, solution=start, descriptor=descriptor),
        # A copy: the state is donated, and the caller may still need the original.
        start=jnp.array(start, copy=True),
        next_id=jnp.zeros((), jnp.uint32),
        steps=jnp.zeros((), jnp.int32),
    )


def step(
    state: State,
    root: Key[Array, ""],
    *,
    config: Config,
    evaluate: Evaluate,
    tessellation: Tessellation,
) -> tuple[State, Int[Array, ""]]:
    """One generation: select, vary, evaluate, insert. Returns how many children entered."""
    check_cells(tessellation, state.elites.cells)
    children = ask(state, root, config=config)
    fitness, descriptors = evaluate(children)
    ids = state.next_id + jnp.arange(config.batch, dtype=jnp.uint32)
    cell = tessellation.cell(descriptors)
    elites, offer = insert(state.elites, Candidates(ids, fitness, descriptors, children, cell))
    next_id = state.next_id + np.uint32(config.batch)
    state = State(elites, state.start, next_id, state.steps + 1)
    return state, jnp.sum(offer.entered, dtype=jnp.int32)


def ask(state: State, root: Key[Array, ""], *, config: Config) -> Float[Array, "batch dims"]:
    """The children of one step; the first batch starts from `state.start`."""
    select_key = stream(root, "map_elites.select", state.steps)
    vary_key = stream(root, "map_elites.vary", state.steps)
    pairs = draw_cells(state.elites, select_key, 2 * config.batch)
    solutions = state.elites.solutions
    first = state.elites.count == 0

    def take(cells: Int[Array, " batch"]) -> Float[Array, "batch dims"]:
        return jnp.where(first, state.start[None], solutions[cells])

    parents = take(pairs[: config.batch])
    if config.line == 0:
        return gaussian(vary_key, parents, std=config.iso)
    partners = take(pairs[config.batch :])
    return iso_line(vary_key, parents, partners, iso=config.iso, line=config.line)


@partial(jax.jit, static_argnames=("config", "evaluate", "steps"), donate_argnums=0)
def run(
    state: State,
    root: Key[Array, ""],
    *,
    config: Config,
    evaluate: Evaluate,
    tessellation: Tessellation,
    steps: int,
) -> tuple[State, Metrics]:
    """`steps` generations in one program; metrics are taken after the last.

    The state given is donated: use the one returned. Going on from it is the same as one longer
    run, since every key is made from the root and the number of steps done.
    """

    check_steps(steps)

    def body(state: State, _: None) -> tuple[State, Int[Array, ""]]:
        return step(state, root, config=config, evaluate=evaluate, tessellation=tessellation)

    state, entered = jax.lax.scan(body, state, None, length=steps)
    return state, measure(state.elites, state.next_id, entered)
