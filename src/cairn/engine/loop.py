"""The outer loop of a compiled run: advance, log, evaluate, checkpoint, stop.

Everything bit-exact happens inside the compiled program. This loop only carries results out, and
it does so in an order that a kill cannot harm: lines are appended first, then a checkpoint records
how long the files are, and a resumed run cuts what came after it and repeats it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import checkpoint
from cairn.core.counts import total
from cairn.core.errors import CheckpointError
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir, config_hash
from cairn.engine import hosts, lines
from cairn.engine.compiled import Compiled
from cairn.engine.interrupts import interrupts
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
    audit_every: int = 0
    """Chunks between two audits of the scores; 0 for none at all."""


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
"""state -> (figures by suite, lists by seed; what it took, for each seed)."""
Audit = Callable[[Any], tuple[dict[str, list[float | None]], Any]]
"""state -> (metrics by name, lists by seed; environment steps for each seed)."""


def run(
    compiled: Compiled,
    program: Program,
    directory: RunDir,
    schedule: Schedule,
    *,
    state: Any,
    evaluate: Evaluate | None,
    show: Callable[[Status], None],
    audit: Audit | None = None,
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
    with interrupts() as interrupted:
        while min(spent) < schedule.steps and not hosts.anywhere(interrupted.is_set()):
            before, begun = spent, time.monotonic()
            advanced = hosts.whole(compiled.advance(state))
            state, report = jax.block_until_ready(advanced)
            seconds = time.monotonic() - begun
            spent, chunk = spent_steps(state, program), chunk + 1
            lines.check_finite(program, state, report, directory)
            line = lines.describe(state, report)
            ran = np.less(before, schedule.steps)
            last = ran & np.greater_equal(spent, schedule.steps)
            due = last | (ran & _turn(state, report, schedule.evaluate_every))
            if evaluate is not None and due.any():
                line["evaluation"], taken = evaluate(state)
                state = _enter_evaluation(state, np.where(due, taken, 0))
                line["evaluation"] = lines.only(line["evaluation"], due | ~ran)
                line["ledger"] = state.ledger.totals()
            due = last | (ran & _turn(state, report, schedule.audit_every))
            if audit is not None and schedule.audit_every and due.any():
                found, taken = audit(state)
                state = _enter_evaluation(state, np.where(due, taken, 0))
                line["metrics"] |= lines.only({"audit": found}, due | ~ran)["audit"]
                line["ledger"] = state.ledger.totals()
            rate = (sum(spent) - sum(before)) / seconds
            if not hosts.first():
                continue  # another host writes and shows
            directory.append(
                line, {"cycle": line["cycle"], "seconds": seconds, "steps_per_second": rate}
            )
            if lineage is not None:
                lines.append_events(lineage, state, report.events)
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
    # By chunk: of seeds that stand still the cycle says nothing.
    checkpoint.save(directory.checkpoints, chunk, state, meta, config_hash=hashed, keep=keep)


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


def _turn(state: Any, report: Any, every: int) -> np.ndarray:
    """Which seeds have so many chunks more behind them; none if `every` is 0.

    By each seed's own count: seeds that stood still for a while stay in step alone.
    """
    cycles = np.asarray(state.cycle)
    if not every:
        return np.zeros(cycles.shape, bool)
    return cycles // jax.tree.leaves(report)[0].shape[1] % every == 0


def _enter_evaluation(state: Any, steps: Any) -> Any:
    amounts = np.asarray(steps, np.uint32)  # not of JAX: it belongs to every host
    name = "evaluation" if "evaluation" in state.ledger.counts else "tokens_tested"
    ledger = jax.vmap(lambda ledger, n: ledger.add(**{name: n}))(state.ledger, amounts)
    return eqx.tree_at(lambda s: s.ledger, state, ledger)


def _lineage(directory: RunDir, archived: Archived | None) -> Lineage | None:
    if archived is None:
        return None
    if directory.lineage.exists():
        return Lineage.open(directory.lineage)
    return Lineage.create(directory.lineage, archived.level, archived.sources)
