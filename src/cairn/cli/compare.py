"""`cairn compare`: which of two runs is better, at equal spend?"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from rich.console import Console
from rich.table import Table

from cairn.cli import flags
from cairn.cli.testing import Watch, between, check_json, give_json, rate, run_paths
from cairn.core.console import count, plural
from cairn.core.measures import label
from cairn.runs.evaluate import compare
from cairn.runs.open import open_run

USAGE = """\
Compare two runs on the same levels with the same draws: the first minus the second.

usage: cairn compare RUN RUN [flags]

  cairn compare runs/maze-dr-1 runs/maze-accel-1
  cairn compare runs/maze-dr-1 runs/maze-accel-1 --suite all --json -

If one run spent more environment steps than the other, that is said, and their own evaluations
during training are compared at the most steps both have reached.
"""


@dataclass(frozen=True)
class Flags:
    """How to compare."""

    suite: str | None = None
    """Name of a suite, or all. Default: the environment's first."""
    json: Path | None = None
    """Write the result as JSON to this file; - for standard output, and nothing else there."""
    full: bool = False
    """Published sizes: the worst of 10,000 levels, and with --suite all the largest mazes."""
    attempts: int = 20
    """Episodes at each level."""
    role: str | None = None
    """Who plays for both runs, where several do: student (the default), antagonist, ..."""
    seed: int = 0
    """Fixes the levels and every draw, so that a comparison can be repeated."""


def compare_command(arguments: list[str]) -> int:
    """Compare two runs and print a table or JSON."""
    paths, given = run_paths("compare", 2, arguments, USAGE)
    asked = flags.parse(
        Flags, given, get_type_hints(Flags), default=Flags(), prog="cairn compare RUN RUN"
    )
    ours, theirs = (open_run(path) for path in paths)
    check_json(asked.json, [ours, theirs])
    with Watch() as watch:
        report = compare(
            ours,
            theirs,
            None if asked.suite is None else [asked.suite],
            full=asked.full,
            attempts=asked.attempts,
            seed=asked.seed,
            role=asked.role,
            advance=watch,
        )
    give_json(asked.json, report)
    if asked.json is None or str(asked.json) != "-":
        show(report, Console(file=sys.stdout))
    return 0


def show(report: dict[str, Any], console: Console) -> None:
    """The comparison for people."""

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for letter, run, steps in zip("AB", report["runs"], report["steps"], strict=True):
        say(f"{letter}: {run['run']}, {run['method']}, {plural(len(run['seeds']), 'seed')}, "
            f"{count(steps)} steps")  # fmt: skip
    if not report["equal_ledger"]:
        say(
            "WARNING: A and B did not spend the same: the first table compares unequal efforts. "
            "The second is at equal steps."
        )
    console.print(_table("at the newest checkpoints", report["suites"]))
    for name, figures in report["suites"].items():
        if not figures["higher_is_better"]:
            say(f"{name}: lower is better, so a difference below 0 speaks for A.")
    if report["equal_ledger"]:
        return
    equal = report["at_equal_steps"]
    if equal is None:
        say(
            "Their evaluations during training do not overlap, so there is nothing at equal steps. "
            "Train both to the same --steps, or with more frequent evaluations (--evaluate-every)."
        )
    else:
        title = f"at {count(equal['steps'])} steps, by evaluations during training"
        console.print(_table(title, equal["suites"]))


def _table(title: str, suites: dict[str, Any]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("suite", "measure", "A", "B", "A - B", "95% interval", "over"):
        table.add_column(
            column, justify="left" if column in ("suite", "measure") else "right", no_wrap=True
        )
    for name, figures in suites.items():
        a, b = figures[figures["measure"]]
        cells = [rate(a), rate(b), f"{figures['difference']:+.3f}"]
        if "interval" in figures:
            cells += [between(figures["interval"], "+"), figures["interval_over"]]
        table.add_row(name, label(figures["measure"]), *cells)
    return table
