"""What `cairn refine run` says: what is begun, and the funnel at its end."""

import sys
from pathlib import Path
from typing import Any

from cairn.refine.config import RefineConfig
from cairn.refine.run import Counted, as_json
from cairn.refine.tasks.base import Task
from cairn.report.words import money


def begin(config: RefineConfig, task: Task, path: Path) -> None:
    """Say what is done by whom, on stderr."""
    print(
        f"{config.source} -> {config.sink}: {task.name} by {config.who}, run {path}",
        file=sys.stderr,
    )


def record(counted: Counted) -> dict[str, Any]:
    """What --json holds."""
    return as_json(counted)


def lines(counted: Counted, *, simulated: bool) -> list[str]:
    """The funnel."""
    tag = "simulated: " if simulated else ""
    told = [*counted.notes, f"{tag}{counted.records:,} records, {counted.accepted:,} accepted"]
    order = ("clean", "accepted at try", "masked", "rejected", "failed")
    shown = [
        (name, number)
        for start in order
        for name, number in sorted(counted.funnel.items())
        if name.startswith(start)
    ]
    width = max((len(name) for name, _ in shown), default=0)
    told += [f"  {name:<{width}}  {number:>9,}" for name, number in shown]
    spent = counted.spent
    told.append(
        f"{spent.calls:,} calls, {spent.tokens:,} tokens, {money(spent.micros)} in money, "
        f"{counted.maybe_twice} possibly paid twice; {counted.seconds:.0f} s"
    )
    if counted.sink is not None:
        told.append(f"output: {counted.sink}")
    if counted.rejects is not None:
        told.append(f"rejects: {counted.rejects}")
    told.append(f"report: cairn refine report {counted.path}")
    return told
