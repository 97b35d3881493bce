"""CMA-ME: CMA-ES searches that climb the improvement of an elitist archive.

Fontaine, Togelius, Nikolaidis & Hoover 2020, arXiv:1912.02400.
"""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

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
    standing: common.Standing
    searches: cma_es.Search
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
        standing=common.nobody(),
        searches=cma_emitter.init(task.start, config=emitter),
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
    offered = common.candidates(task, state.elites, state.ledger, samples, fitness, descriptors)
    elites, offer = insert(state.elites, offered)
    standing = common.after(state.standing, fitness, offer, lowest=task.lowest)

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
        standing=standing,
        searches=searches,
        restarts=state.restarts + restarts,
    )
    told = common.report(elites, standing, offer, restarts=restarts.astype(jnp.float32))
    return after, told


METHOD = method(__doc__, Config, init, step)
