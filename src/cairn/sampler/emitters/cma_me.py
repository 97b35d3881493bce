"""CMA-ME: CMA-ES searches that climb the improvement of an elitist archive.

Fontaine, Togelius, Nikolaidis & Hoover 2020, arXiv:1912.02400.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt32

from cairn.archive.elites import Candidates, Elites, Offer, empty, insert
from cairn.archive.tessellation import Tessellation, check_cells
from cairn.core.keys import stream
from cairn.sampler.emitters import cma_emitter, cma_es
from cairn.sampler.emitters.cma_emitter import Config
from cairn.sampler.emitters.metrics import Metrics, check_steps, measure
from cairn.sampler.emitters.problems import Evaluate


class State(eqx.Module):
    """All a run needs to go on, besides its root key."""

    elites: Elites
    searches: cma_es.Search
    next_id: UInt32[Array, ""]
    """Id of the next sample. Ids only grow; a run ends before 2³² of them."""
    steps: Int[Array, ""]
    restarts: Int[Array, ""]


def init(
    tessellation: Tessellation,
    start: Float[Array, " dims"],
    *,
    descriptor: Array,
    config: Config,
) -> State:
    """No elites yet, all searches at `start`; `descriptor` is an example of one."""
    return State(
        elites=empty(tessellation.cells, solution=start, descriptor=descriptor),
        searches=cma_emitter.init(start, config=config),
        next_id=jnp.zeros((), jnp.uint32),
        # Each its own buffer: a donated one cannot serve twice.
        steps=jnp.zeros((), jnp.int32),
        restarts=jnp.zeros((), jnp.int32),
    )


def step(
    state: State,
    root: Key[Array, ""],
    *,
    config: Config,
    evaluate: Evaluate,
    tessellation: Tessellation,
) -> tuple[State, Int[Array, ""]]:
    """One generation of every search: sample, evaluate, insert, adapt.

    Returns how many samples became elites.
    """
    check_cells(tessellation, state.elites.cells)
    key = stream(root, "cma_me.sample", state.steps)
    solutions = cma_emitter.ask(state.searches, key, config=config)
    flat = solutions.reshape(-1, solutions.shape[2])
    fitness, descriptors = evaluate(flat)
    ids = state.next_id + jnp.arange(flat.shape[0], dtype=jnp.uint32)
    cell = tessellation.cell(descriptors)
    elites, offer = insert(state.elites, Candidates(ids, fitness, descriptors, flat, cell))

    by_search = Offer(*(field.reshape(solutions.shape[:2]) for field in offer))
    key = stream(root, "cma_me.restart", state.steps)
    searches, restarted = cma_emitter.tell(
        state.searches, key, solutions, by_search, elites, state.steps, config=config
    )
    state = State(
        elites=elites,
        searches=searches,
        next_id=state.next_id + np.uint32(flat.shape[0]),
        steps=state.steps + 1,
        restarts=state.restarts + jnp.sum(restarted, dtype=jnp.int32),
    )
    return state, jnp.sum(offer.entered, dtype=jnp.int32)


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
    """`steps` generations in one program; the state given is donated."""

    check_steps(steps)

    def body(state: State, _: None) -> tuple[State, Int[Array, ""]]:
        return step(state, root, config=config, evaluate=evaluate, tessellation=tessellation)

    state, entered = jax.lax.scan(body, state, None, length=steps)
    return state, measure(state.elites, state.next_id, entered)
