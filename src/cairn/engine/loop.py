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

from cairn.core import checkpoint
from cairn.core.errors import CheckpointError, RunError
from cairn.core.ledger import total
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir, config_hash
from cairn.engine import hosts
from cairn.engine.compiled import Compiled
from cairn.engine.program import Archived, Program


@dataclass(frozen=True)
class Schedule:
    """When the loop does what."""

    steps: int
    """The budget of each seed, in the sum of the program's `budget` counts."""
    evaluate_every: int
    """Chunks between two evaluations; 0 for none but a seed's last."""
    checkpoint_every: int
    """Chunks between two checkpoints."""
    keep: int | None = checkpoint.KEEP
    """Checkpoints that stay; None for all."""


class Status(NamedTuple):
    """What a person wants to know after a chunk."""

    line: dict[str, Any]
    """The metrics line just written: cycle, ledger, metrics, perhaps evaluation. Lists by seed."""
    steps: int
    """Spent of the budget, mean over seeds."""
    total: int
    seconds: float
    """Wall time of this process in the loop."""
    steps_per_second: float
    """Of the last chunk, all seeds together, device work finished."""


Evaluate = Callable[[Any], tuple[dict[str, Any], Any]]
"""state -> (figures by suite, lists by seed; environment steps for each seed)."""


def run(
    compiled: Compiled,
    program: Program,
    directory: RunDir,
    schedule: Schedule,
    *,
    state: Any,
    evaluate: Evaluate | None,
    show: Callable[[Status], None],
) -> tuple[Any, bool]:
    """Advance `state` until every seed's budget is spent or Ctrl-C. Returns it, and whether done.

    Raises RunError when a figure is not finite any more; the checkpoints before stay. On several
    hosts all of them run this; the first alone touches `directory` and shows.
    """
    lineage = _lineage(directory, program.lineage) if hosts.first() else None
    hashed = hosts.told(lambda: config_hash(directory.config))
    started, chunk = time.monotonic(), hosts.told(lambda: _chunks(directory))
    saved = chunk
    spent = spent_steps(state, program)
    with _interrupts() as interrupted:
        while min(spent) < schedule.steps and not hosts.anywhere(interrupted.is_set()):
            before, begun = spent, time.monotonic()
            advanced = hosts.whole(compiled.advance(state))
            state, report = jax.block_until_ready(advanced)
            seconds = time.monotonic() - begun
            spent, chunk = spent_steps(state, program), chunk + 1
            check_finite(state, report, directory)
            line = _describe(state, report)
            ran = np.less(before, schedule.steps)
            due = ran & np.greater_equal(spent, schedule.steps)
            if schedule.evaluate_every and chunk % schedule.evaluate_every == 0:
                due = ran
            if evaluate is not None and due.any():
                line["evaluation"], taken = evaluate(state)
                state = _enter_evaluation(state, np.where(due, taken, 0))
                line["evaluation"] = _only(line["evaluation"], due | ~ran)
                line["ledger"] = state.ledger.totals()
            rate = (sum(spent) - sum(before)) / seconds
            if not hosts.first():
                continue  # another host writes and shows
            directory.append(
                line, {"cycle": line["cycle"], "seconds": seconds, "steps_per_second": rate}
            )
            if lineage is not None:
                _append_events(lineage, state, report.events)
            if min(spent) >= schedule.steps or chunk % schedule.checkpoint_every == 0:
                save(directory, state, hashed, chunk, schedule.keep)
                saved = chunk
            running = time.monotonic() - started
            show(Status(line, int(np.mean(spent)), schedule.steps, running, rate))
        # Asked to stop, at whatever moment: nothing that was done may be lost.
        if saved != chunk and hosts.first():
            save(directory, state, hashed, chunk, schedule.keep)
    return state, min(spent) >= schedule.steps


def save(
    directory: RunDir, state: Any, hashed: str, chunk: int, keep: int | None = checkpoint.KEEP
) -> None:
    """Write a checkpoint that knows how long the growing files are."""
    meta = {"sizes": directory.sizes(), "chunk": chunk}
    cycle = int(np.max(np.asarray(state.cycle)))
    checkpoint.save(directory.checkpoints, cycle, state, meta, config_hash=hashed, keep=keep)


def check_finite(state: Any, report: Any, directory: RunDir) -> None:
    """Raise RunError if a metric of the chunk is not finite, naming the first such cycle."""
    wrong = []
    for name, values in report.metrics.items():
        counts = np.asarray(report.weights[name]) > 0
        bad = counts & ~np.isfinite(np.asarray(values))
        wrong += [(int(cycle), name, int(seed)) for seed, cycle in np.argwhere(bad)]
    if not wrong:
        return
    cycle, name, seed = min(wrong)
    value = np.asarray(report.metrics[name])[seed, cycle]
    began = int(np.asarray(state.cycle)[seed]) - np.asarray(report.metrics[name]).shape[1]
    raise RunError(
        f"{name} is {value} from cycle {began + cycle + 1} on (seed {seed} of the run), so the "
        f"run was stopped. Its last good checkpoint stays in {directory.path}. Look at the "
        f"learning rate and the rewards' scale, then start anew (--init-from {directory.path} "
        f"keeps what was learned)."
    )


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


def spent_steps(state: Any, program: Program) -> list[int]:
    """What each seed has spent of its budget."""
    return total(state.ledger.totals(), program.budget)


def _describe(state: Any, report: Any) -> dict[str, Any]:
    """The metrics line of a chunk: means over its cycles, a list over seeds each.

    A mean over no cycle at all is None: the figure does not exist there.
    """
    means = {
        name: _mean(np.asarray(values, np.float64), np.asarray(report.weights[name], np.float64))
        for name, values in sorted(report.metrics.items())
    }
    return {
        "cycle": np.asarray(state.cycle).tolist(),
        "ledger": state.ledger.totals(),
        "metrics": means,
    }


def _mean(values: np.ndarray, weights: np.ndarray) -> list[float | None]:
    """Weighted means over the second axis; None where nothing has weight."""
    sums, counts = (np.where(weights > 0, values, 0) * weights).sum(axis=1), weights.sum(axis=1)
    pairs = zip(sums.tolist(), counts.tolist(), strict=True)
    return [amount / count if count else None for amount, count in pairs]


def _only(figures: dict[str, Any], tested: np.ndarray) -> dict[str, Any]:
    """The figures of the seeds that were to be tested; None for the others."""
    if tested.all():
        return figures

    def keep(row: Any) -> Any:
        """A name, such as that of the measure, is no list over seeds."""
        if isinstance(row, str):
            return row
        return [value if told else None for value, told in zip(row, tested, strict=True)]

    return {
        suite: {name: keep(row) for name, row in rows.items()} for suite, rows in figures.items()
    }


def _enter_evaluation(state: Any, steps: Any) -> Any:
    amounts = np.asarray(steps, np.uint32)  # not of JAX: it belongs to every host
    ledger = jax.vmap(lambda ledger, n: ledger.add(evaluation=n))(state.ledger, amounts)
    return eqx.tree_at(lambda s: s.ledger, state, ledger)


def _lineage(directory: RunDir, archived: Archived | None) -> Lineage | None:
    if archived is None:
        return None
    if directory.lineage.exists():
        return Lineage.open(directory.lineage)
    return Lineage.create(directory.lineage, archived.level, archived.sources)


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
