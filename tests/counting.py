"""A method that only counts, for tests of what surrounds a method: loop, files, checkpoints.

It compiles in a fraction of a second, draws, writes metrics and lineage, and every number of it
depends on all cycles before, so that one cycle too many or too few changes everything after it.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import checkpoint
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.rundir import RunDir
from cairn.engine import loop
from cairn.engine.compiled import Compiled, compile_program
from cairn.engine.devices import Layout
from cairn.engine.loop import Schedule
from cairn.engine.program import Archived, Events, Program, Report

SEEDS, CYCLES, STEPS = 2, 2, 10
"""Seeds side by side, cycles of a chunk, environment steps that a cycle claims to take."""
LONG = Schedule(steps=12_000, evaluate_every=4, checkpoint_every=3)
"""Six hundred chunks."""


class State(eqx.Module):
    key: jax.Array
    cycle: jax.Array
    ledger: Ledger
    total: jax.Array


def begin(key: jax.Array) -> State:
    return State(key, jnp.int32(0), Ledger.zero(("training", "evaluation")), jnp.float32(0))


def count(state: State) -> tuple[State, Report]:
    """One cycle: everything so far, a draw, and two tasks offered, each the child of the last."""
    drawn = jax.random.uniform(stream(state.key, "count", state.cycle), (2,))
    total = 0.9 * state.total + drawn[0]
    ids = 2 * state.cycle + jnp.arange(2, dtype=jnp.int32)
    events = Events(
        entered=drawn > 0.3,
        ids=ids.astype(jnp.uint32),
        parents=jnp.maximum(ids - 1, 0).astype(jnp.uint32),
        has_parent=ids > 0,
        generation=ids,
        source=ids % 2,
        score=drawn * total,
        levels=ids * 7,
    )
    after = State(state.key, state.cycle + 1, state.ledger.add(training=STEPS), total)
    return after, Report({"total": total}, (events,))


PROGRAM = Program(
    begin,
    count,
    counts=("training", "evaluation"),
    budget=("training",),
    lineage=Archived(jax.ShapeDtypeStruct((), jnp.int32), ("even", "odd")),
)


def compiled(budget: int = LONG.steps) -> Compiled:
    """The program of counting."""
    return compile_program(
        PROGRAM, seed=0, seeds=SEEDS, cycles=CYCLES, budget=budget, layout=Layout()
    )


def go_on(
    directory: RunDir,
    schedule: Schedule,
    *,
    program: Compiled | None = None,
    evaluate: Callable[[Any], Any] | None = None,
    show: Callable[[Any], None] = lambda status: None,
) -> tuple[Any, bool]:
    """Count in a run directory, from its newest checkpoint or from the start."""
    program = program or compiled()
    resumed = checkpoint.latest(directory.checkpoints) is not None
    shape = jax.eval_shape(program.init)
    return loop.run(
        program,
        PROGRAM,
        directory,
        schedule,
        state=loop.restore(directory, shape) if resumed else program.init(),
        evaluate=evaluate or (lambda state: ({}, np.ones(SEEDS, np.uint32))),
        show=show,
    )
