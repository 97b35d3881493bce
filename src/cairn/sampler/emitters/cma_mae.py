"""CMA-MAE: CMA-ES searches that climb over soft thresholds, which rise under their feet.

Fontaine & Nikolaidis 2023, "Covariance Matrix Adaptation MAP-Annealing", arXiv:2205.10752.
Between CMA-ES (rate 0: thresholds never move) and CMA-ME (rate 1).
"""

from dataclasses import dataclass
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt32

from cairn.archive import elites as elitist
from cairn.archive import soft
from cairn.archive.elites import Candidates, Elites, Offer, empty
from cairn.archive.tessellation import Tessellation, check_cells
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.sampler.emitters import cma_emitter, cma_es
from cairn.sampler.emitters.metrics import Metrics, check_steps, measure
from cairn.sampler.emitters.problems import Evaluate

EMITTER = cma_emitter.Config(rank_by="improvement", parents="half", restart="converged")
"""The emitters of the published benchmark."""


@dataclass(frozen=True)
class Config:
    """Of the loop; defaults are those of the published benchmark."""

    emitter: cma_emitter.Config = EMITTER
    """Of the searches."""
    rate: float = 0.01
    """Archive learning rate α in [0, 1]: how far a threshold moves towards what was accepted."""
    lowest: float = 0.0
    """Threshold of an untouched cell: a lower bound of the fitness, in its unit."""

    def __post_init__(self):
        if not 0 <= self.rate <= 1:
            raise ConfigError(f"cma_mae.Config.rate must lie in [0, 1], got {self.rate}.")
        if not abs(self.lowest) < float("inf"):
            raise ConfigError(
                f"cma_mae.Config.lowest must be finite, got {self.lowest}. Without a lower bound"
                " of the fitness use CMA-ME."
            )


class State(eqx.Module):
    """All a run needs to go on, besides its root key."""

    training: Elites
    """Last accepted in each cell; not elitist."""
    threshold: Float[Array, " cells"]
    results: Elites
    """The best ever found in each cell: what to report."""
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
        training=empty(tessellation.cells, solution=start, descriptor=descriptor),
        threshold=jnp.full(tessellation.cells, config.lowest, jnp.float32),
        results=empty(tessellation.cells, solution=start, descriptor=descriptor),
        searches=cma_emitter.init(start, config=config.emitter),
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
    """One generation of every search: sample, evaluate, insert twice, adapt.

    Returns how many samples became elites of the result archive.
    """
    check_cells(tessellation, state.training.cells)
    key = stream(root, "cma_mae.sample", state.steps)
    solutions = cma_emitter.ask(state.searches, key, config=config.emitter)
    flat = solutions.reshape(-1, solutions.shape[2])
    fitness, descriptors = evaluate(flat)
    ids = state.next_id + jnp.arange(flat.shape[0], dtype=jnp.uint32)
    samples = Candidates(ids, fitness, descriptors, flat, tessellation.cell(descriptors))
    training, threshold, offer = soft.insert(
        state.training, state.threshold, samples, rate=config.rate
    )
    results, kept = elitist.insert(state.results, samples)

    by_search = Offer(*(field.reshape(solutions.shape[:2]) for field in offer))
    key = stream(root, "cma_mae.restart", state.steps)
    searches, restarted = cma_emitter.tell(
        state.searches, key, solutions, by_search, training, state.steps, config=config.emitter
    )
    state = State(
        training=training,
        threshold=threshold,
        results=results,
        searches=searches,
        next_id=state.next_id + np.uint32(flat.shape[0]),
        steps=state.steps + 1,
        restarts=state.restarts + jnp.sum(restarted, dtype=jnp.int32),
    )
    return state, jnp.sum(kept.entered, dtype=jnp.int32)


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
    return state, measure(state.results, state.next_id, entered)
