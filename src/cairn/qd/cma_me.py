"""CMA-ME: CMA-ES searches that climb the improvement of an elitist archive.

Fontaine, Togelius, Nikolaidis & Hoover 2020, arXiv:1912.02400.
"""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt32

from cairn.archive.elites import Elites, Offer, empty, insert
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.engine.program import Report
from cairn.qd import common
from cairn.qd.method import method
from cairn.qd.tasks import Task, descriptor
from cairn.sampler.emitters import cma_emitter, cma_es


@dataclass(frozen=True)
class Config(cma_emitter.Config):
    """CMA-ME; defaults are those of the published benchmark."""


class State(eqx.Module):
    """All that a search needs to go on."""

    key: Key[Array, ""]
    cycle: Int[Array, ""]
    ledger: Ledger
    elites: Elites
    searches: cma_es.Search
    next_id: UInt32[Array, ""]
    """Id of the next sample."""
    restarts: Int[Array, ""]
    """Searches begun anew so far."""


def init(task: Task, config: Config, key: Key[Array, ""]) -> State:
    """No elites yet, all searches at `task.start`."""
    emitter = config.at(task.scale)
    return State(
        key=key,
        cycle=jnp.zeros((), jnp.int32),
        ledger=common.unspent(),
        elites=empty(task.tessellation.cells, solution=task.start, descriptor=descriptor(task)),
        searches=cma_emitter.init(task.start, config=emitter),
        next_id=jnp.zeros((), jnp.uint32),
        restarts=jnp.zeros((), jnp.int32),
    )


def step(task: Task, config: Config, state: State) -> tuple[State, Report]:
    """One generation of every search: sample, evaluate, insert, adapt."""
    samples = ask(task, config, state)
    return tell(task, config, state, samples, *task.evaluate(samples))


def ask(task: Task, config: Config, state: State) -> Float[Array, "batch dims"]:
    """The samples of one cycle, search by search."""
    key = stream(state.key, "cma_me.sample", state.cycle)
    samples = cma_emitter.ask(state.searches, key, config=config)
    return samples.reshape(config.children, -1)


def tell(
    task: Task,
    config: Config,
    state: State,
    samples: Float[Array, "batch dims"],
    fitness: Float[Array, " batch"],
    descriptors: Float[Array, "batch measures"],
) -> tuple[State, Report]:
    """Insert what came of the samples that `ask` drew, and adapt every search."""
    offered = common.candidates(task, state.elites, state.next_id, samples, fitness, descriptors)
    elites, offer = insert(state.elites, offered)

    shape, emitter = (config.emitters, config.batch), config.at(task.scale)
    by_search = Offer(*(field.reshape(shape) for field in offer))
    key = stream(state.key, "cma_me.restart", state.cycle)
    searches, restarted = cma_emitter.tell(
        state.searches, key, samples.reshape(*shape, -1), by_search, elites, state.cycle,
        config=emitter,
    )  # fmt: skip
    restarts = jnp.sum(restarted, dtype=jnp.int32)
    after = State(
        key=state.key,
        cycle=state.cycle + 1,
        ledger=state.ledger.add(evaluations=config.children),
        elites=elites,
        searches=searches,
        next_id=state.next_id + np.uint32(config.children),
        restarts=state.restarts + restarts,
    )
    told = common.report(task, elites, offer.entered, restarts=restarts.astype(jnp.float32))
    return after, told


METHOD = method(__doc__, Config, init, step)
