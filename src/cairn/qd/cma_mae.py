"""CMA-MAE: CMA-ES searches that climb over soft thresholds, which rise under their feet.

Fontaine & Nikolaidis 2023, "Covariance Matrix Adaptation MAP-Annealing", arXiv:2205.10752.
Between CMA-ES (rate 0: thresholds never move) and CMA-ME (rate 1).
"""

import math
from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.archive import elites as elitist
from cairn.archive import soft
from cairn.archive.elites import Elites, Offer, empty
from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.engine.program import Report
from cairn.qd import common, tasks
from cairn.qd.method import method
from cairn.qd.tasks import Task, descriptor
from cairn.sampler.emitters import cma_emitter, cma_es


@dataclass(frozen=True)
class Config(cma_emitter.Config):
    """CMA-MAE; defaults are those of the published benchmark."""

    rank_by: Literal["status", "improvement"] = "improvement"
    """`improvement` over the threshold alone; `status`: new cells first."""
    parents: Literal["accepted", "half"] = "half"
    """Who moves the search: the better half, or those that the archive accepted."""
    restart: Literal["no_improvement", "converged"] = "converged"
    """When a search starts anew from a random elite: on convergence alone, or also after a cycle
    with nothing accepted."""
    rate: float = 0.01
    """Archive learning rate α in [0, 1]: how far a threshold moves towards what was accepted."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.share(self, "rate")


class State(eqx.Module):
    """All that a search needs to go on."""

    key: Key[Array, ""]
    cycle: Int[Array, ""]
    ledger: Ledger
    training: Elites
    """Last accepted in each cell; not elitist."""
    threshold: Float[Array, " cells"]
    elites: Elites
    """The best ever found in each cell: what to report."""
    standing: common.Standing
    searches: cma_es.Search
    restarts: Int[Array, ""]
    """Searches begun anew so far."""


def init(task: Task, config: Config, key: Key[Array, ""]) -> State:
    """No elites yet, all searches at `task.start`, thresholds at `task.lowest`."""
    cells, row = task.tessellation.cells, descriptor(task)
    return State(
        key=key,
        cycle=jnp.zeros((), jnp.int32),
        ledger=common.unspent(),
        training=empty(cells, solution=task.start, descriptor=row),
        threshold=jnp.full(cells, task.lowest, jnp.float32),
        elites=empty(cells, solution=task.start, descriptor=row),
        standing=common.nobody(),
        searches=cma_emitter.init(task.start, config=config.at(task.scale)),
        restarts=jnp.zeros((), jnp.int32),
    )


def check(task: Task) -> None:
    """Raise ConfigError for a task that breaks its promise, or that has no lower bound.

    Thresholds start at the lower bound.
    """
    tasks.check(task)
    if not math.isfinite(task.lowest):
        raise ConfigError(
            f"CMA-MAE needs a task whose `lowest` is finite, got {task.lowest}. Without a lower"
            " bound of the fitness use CMA-ME."
        )


def step(task: Task, config: Config, state: State) -> tuple[State, Report]:
    """One generation of every search: sample, evaluate, insert twice, adapt."""
    samples = ask(task, config, state)
    return tell(task, config, state, samples, *task.evaluate(samples))


def ask(task: Task, config: Config, state: State) -> Float[Array, "batch dims"]:
    """The samples of one cycle, search by search."""
    key = stream(state.key, "cma_mae.sample", state.cycle)
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
    training, threshold, offer = soft.insert(
        state.training, state.threshold, offered, rate=config.rate
    )
    elites, kept = elitist.insert(state.elites, offered)
    standing = common.after(state.standing, fitness, kept, lowest=task.lowest)

    shape, emitter = (config.emitters, config.batch), config.at(task.scale)
    by_search = Offer(*(field.reshape(shape) for field in offer))
    key = stream(state.key, "cma_mae.restart", state.cycle)
    searches, restarted = cma_emitter.tell(
        state.searches, key, samples.reshape(*shape, -1), by_search, training, state.cycle,
        config=emitter,
    )  # fmt: skip
    restarts = jnp.sum(restarted, dtype=jnp.int32)
    after = State(
        key=state.key,
        cycle=state.cycle + 1,
        ledger=state.ledger.add(evaluations=config.children),
        training=training,
        threshold=threshold,
        elites=elites,
        standing=standing,
        searches=searches,
        restarts=state.restarts + restarts,
    )
    told = common.report(elites, standing, kept, restarts=restarts.astype(jnp.float32))
    return after, told


METHOD = method(__doc__, Config, init, step, check)
