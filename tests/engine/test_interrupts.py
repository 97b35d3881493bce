"""Ctrl-C at any moment of a chunk leaves a checkpoint of all that was done."""

import os
import signal
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core import checkpoint
from cairn.core.ledger import Ledger
from cairn.core.rundir import RunDir
from cairn.engine import loop
from cairn.engine.compiled import compile_program
from cairn.engine.devices import Layout
from cairn.engine.loop import Schedule
from cairn.engine.program import Program, Report


class State(NamedTuple):
    key: Any
    cycle: Any
    ledger: Ledger


def count(state: State) -> tuple[State, Report]:
    """A method that only counts its cycles."""
    ledger = state.ledger.add(training=10)
    after = State(state.key, state.cycle + 1, ledger)
    return after, Report({"cycle": after.cycle.astype(jnp.float32)}, ())


def begin(key) -> State:
    return State(key, jnp.int32(0), Ledger.zero(("training", "evaluation")))


@pytest.mark.parametrize("moment", ["advance", "evaluate", "show"])
def test_work_done_before_ctrl_c_is_in_the_checkpoint(tmp_path, moment):
    directory = RunDir.create(tmp_path / "run", {})
    program = Program(begin, count, ("training", "evaluation"), ("training",))
    compiled = compile_program(
        program, seed=0, seeds=1, cycles=2, budget=1000, layout=Layout()
    )
    chunks = {"advance": 0, "evaluate": 0, "show": 0}

    def interrupt(now: str) -> None:
        chunks[now] += 1
        if now == moment and chunks[now] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    def chunk(state):
        interrupt("advance")
        return compiled.chunk(state)

    def evaluate(state):
        interrupt("evaluate")
        return {}, np.zeros(1, np.uint32)

    state, done = loop.run(
        compiled._replace(chunk=chunk),
        program,
        directory,
        Schedule(steps=1000, evaluate_every=1, checkpoint_every=5),
        state=compiled.init(),
        evaluate=evaluate,
        show=lambda status: interrupt("show"),
    )
    assert not done
    path = checkpoint.latest(directory.checkpoints)
    assert path is not None
    kept = loop.newest(directory, jax.eval_shape(compiled.init))
    assert int(kept.cycle[0]) == int(state.cycle[0]) == 2 * len(directory.metrics())
