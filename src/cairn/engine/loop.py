"""The outer loop of a compiled run: advance, log, evaluate, checkpoint, stop.

Everything bit-exact happens inside the compiled program. This loop only carries results out, and
it does so in an order that a kill cannot harm: lines are appended first, then a checkpoint records
how long the files are, and a resumed run cuts what came after it and repeats it.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from cairn.core import checkpoint
from cairn.core.errors import CheckpointError
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir, config_hash
from cairn.engine import hosts
from cairn.engine.compiled import Compiled


@dataclass(frozen=True)
class Schedule:
    """When the loop does what."""

    steps: int
    """Environment steps for training, scoring and mutation after which the run is complete."""
    evaluate_every: int
    """Chunks between two evaluations; 0 for none."""
    checkpoint_every: int
    """Chunks between two checkpoints."""


class Status(NamedTuple):
    """What a person wants to know after a chunk."""

    line: dict[str, Any]
    """The metrics line just written: cycle, ledger, metrics, perhaps evaluation. Lists by seed."""
    steps: int
    """Environment steps for training, scoring and mutation, mean over seeds."""
    total: int
    seconds: float
    """Wall time of this process in the loop."""
    steps_per_second: float
    """Of the last chunk, all seeds together, device work finished."""


Evaluate = Callable[[Any], tuple[dict[str, Any], Any]]
"""state -> (figures by suite, lists by seed; environment steps for each seed)."""


def run(
    compiled: Compiled,
    directory: RunDir,
    schedule: Schedule,
    *,
    state: Any,
    sources: tuple[str, ...],
    level: PyTree,
    evaluate: Evaluate,
    show: Callable[[Status], None],
) -> tuple[Any, bool]:
    """Advance `state` until the budget is spent or Ctrl-C. Returns it, and whether it is done.

    On several hosts all of them run this; the first alone touches `directory` and shows.
    """
    lineage = _lineage(directory, level, sources) if hosts.first() else None
    hashed = hosts.told(lambda: config_hash(directory.config))
    started, chunk = time.monotonic(), hosts.told(lambda: _chunks(directory))
    saved = chunk
    done = spent_steps(state) >= schedule.steps
    with _interrupts() as interrupted:
        while not done and not hosts.anywhere(interrupted.is_set()):
            before, begun = spent_steps(state), time.monotonic()
            advanced = hosts.whole(compiled.advance(state))
            state, report = jax.block_until_ready(advanced)
            seconds = time.monotonic() - begun
            spent = spent_steps(state)
            done, chunk = spent >= schedule.steps, chunk + 1
            line = _describe(state, report)
            if done or (schedule.evaluate_every and chunk % schedule.evaluate_every == 0):
                line["evaluation"], taken = evaluate(state)
                state = _enter_evaluation(state, taken)
                line["ledger"] = state.ledger.totals()
            rate = (spent - before) * len(line["cycle"]) / seconds
            if lineage is None:
                continue  # another host writes and shows
            directory.append(
                line, {"cycle": line["cycle"], "seconds": seconds, "steps_per_second": rate}
            )
            _append_events(lineage, state, report.events)
            if done or chunk % schedule.checkpoint_every == 0:
                save(directory, state, hashed, chunk)
                saved = chunk
            show(Status(line, spent, schedule.steps, time.monotonic() - started, rate))
        # Asked to stop, at whatever moment: nothing that was done may be lost.
        if saved != chunk and lineage is not None:
            save(directory, state, hashed, chunk)
    return state, done


def save(directory: RunDir, state: Any, hashed: str, chunk: int) -> None:
    """Write a checkpoint that knows how long the growing files are."""
    meta = {"sizes": directory.sizes(), "chunk": chunk}
    cycle = int(np.max(np.asarray(state.cycle)))
    checkpoint.save(directory.checkpoints, cycle, state, meta, config_hash=hashed)


def restore(directory: RunDir, like: Any) -> Any:
    """The newest state of a run, after cutting what its files hold beyond it."""
    path = checkpoint.latest(directory.checkpoints)
    if path is None:
        raise CheckpointError(
            f"{directory.path} has no checkpoint: the run was stopped before its first. "
            f"Start it again in a new directory."
        )
    state, meta = checkpoint.load(path, like, config_hash=config_hash(directory.config))
    directory.truncate_to(meta["sizes"])
    return jax.tree.map(jnp.asarray, state)


def newest(directory: RunDir, like: Any) -> Any:
    """The newest state of a run, for reading only: nothing is cut."""
    path = checkpoint.latest(directory.checkpoints)
    if path is None:
        raise CheckpointError(f"{directory.path} has no checkpoint yet: let the run go on a while.")
    return checkpoint.load(path, like, config_hash=config_hash(directory.config))[0]


def _chunks(directory: RunDir) -> int:
    """Chunks behind us: the lines of the metrics file, which resuming has cut to match."""
    return len(directory.metrics())


def spent_steps(state: Any) -> int:
    """Environment steps for training, scoring and mutation: mean over seeds, rounded down."""
    totals = state.ledger.totals()
    steps = np.sum([totals[name] for name in ("training", "scoring", "mutation")], axis=0)
    return int(np.mean(steps))


def _describe(state: Any, report: Any) -> dict[str, Any]:
    """The metrics line of a chunk: means over its cycles, a list over seeds each."""
    means = {
        name: np.mean(np.asarray(values, np.float64), axis=1).tolist()
        for name, values in sorted(report.metrics.items())
    }
    return {
        "cycle": np.asarray(state.cycle).tolist(),
        "ledger": state.ledger.totals(),
        "metrics": means,
    }


def _enter_evaluation(state: Any, steps: Any) -> Any:
    amounts = np.asarray(steps, np.uint32)  # not of JAX: it belongs to every host
    ledger = jax.vmap(lambda ledger, n: ledger.add(evaluation=n))(state.ledger, amounts)
    return eqx.tree_at(lambda s: s.ledger, state, ledger)


def _lineage(directory: RunDir, level: PyTree, sources: tuple[str, ...]) -> Lineage:
    if directory.lineage.exists():
        return Lineage.open(directory.lineage)
    return Lineage.create(directory.lineage, level, sources)


def _append_events(lineage: Lineage, state: Any, events: tuple) -> None:
    """Append what entered the archives: by seed, then cycle, then phase, then offer."""
    if not events:
        return
    phases = [jax.tree.map(np.asarray, phase) for phase in events]
    together = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=2), *phases)
    seeds, cycles, _ = together.entered.shape
    last = np.asarray(state.cycle)
    cycle = last[:, None, None] - cycles + np.arange(cycles)[None, :, None]
    lineage.append(
        together.entered,
        together.levels,
        id=together.ids,
        parent=together.parents,
        has_parent=together.has_parent,
        source=together.source,
        score=together.score,
        generation=together.generation,
        seed=np.arange(seeds)[:, None, None],
        cycle=cycle,
    )


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Ctrl-C or SIGTERM asks the loop to stop after the chunk; a second one stops at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event  # only the main thread may handle signals
        return

    def ask(signum: int, frame: object) -> None:
        event.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        restore()
