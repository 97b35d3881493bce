"""Ctrl-C at any moment of a chunk leaves a checkpoint of all that was done."""

import os
import signal

import jax
import numpy as np
import pytest

import counting
from cairn.core.rundir import RunDir
from cairn.engine import loop
from cairn.engine.interrupts import interrupts
from cairn.engine.loop import Schedule


@pytest.mark.parametrize("moment", ["advance", "evaluate", "show"])
def test_work_done_before_ctrl_c_is_in_the_checkpoint(tmp_path, moment):
    directory = RunDir.create(tmp_path / "run", {})
    compiled = counting.compiled()
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
        return {}, np.zeros(counting.SEEDS, np.uint32)

    state, done = counting.go_on(
        directory,
        Schedule(steps=1000, evaluate_every=1, checkpoint_every=5),
        program=compiled._replace(chunk=chunk),
        evaluate=evaluate,
        show=lambda status: interrupt("show"),
    )
    assert not done
    kept = loop.newest(directory, jax.eval_shape(compiled.init))
    assert int(kept.cycle[0]) == int(state.cycle[0]) == 2 * len(directory.metrics())


def test_a_signal_that_comes_while_handlers_are_set_is_heard_too(monkeypatch):
    """The first handler is there and the second is not yet."""
    change, handlers = signal.signal, [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]

    def interrupted(number, handler):
        before = change(number, handler)
        if number == signal.SIGINT and callable(handler) and handler not in handlers:
            signal.raise_signal(signal.SIGINT)
        return before

    monkeypatch.setattr(signal, "signal", interrupted)
    with interrupts() as asked:
        assert asked.is_set()
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers
