"""`cairn progress`: was a run open-ended, or did it forget, or go in circles?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cairn.cli.looking import look
from cairn.cli.testing import Watch, rate
from cairn.core.console import count, plural
from cairn.runs.open import Run
from cairn.runs.progress import progress

USAGE = """\
How open-ended was a run? Its students of all times on the levels of all times.

usage: cairn progress RUN [flags]

  cairn train maze --method accel --keep-checkpoints all --run runs/accel
  cairn progress runs/accel                  a table, and runs/accel/pictures/progress.png
  cairn progress runs/accel --levels 64      with narrower intervals
  cairn progress runs/accel --json -         one JSON object and nothing else

The life of the archive is cut into epochs between checkpoints. Of the levels that entered it in
each, some are drawn, and the student of every checkpoint plays them. Down a column one sees
whether levels, once learned, are forgotten; along a row, whether what is made grows harder. ANNECS
(Wang et al. 2020) counts the levels that nobody could do when they were made and somebody could
later. It takes a run that keeps levels, with all its checkpoints. The result is kept in
RUN/progress.json and drawn in RUN/pictures/progress.png and in cairn view; nothing else of the run
changes.
"""


@dataclass(frozen=True)
class Flags:
    """How closely to look."""

    epochs: int = 8
    """Into how many epochs the run is cut, if it has as many checkpoints."""
    levels: int = 32
    """Levels of each epoch."""
    attempts: int = 16
    """Attempts of each student at each level."""
    seed: int = 0
    """Fixes the levels and every draw."""
    json: Path | None = None
    """Write the result as JSON to this file; - for standard output, and nothing else there."""


def progress_command(arguments: list[str]) -> int:
    """Measure a run, keep the result in it, print a table or JSON."""
    return look("progress", arguments, USAGE, Flags(), Watch(), _measure, show)


def _measure(run: Run, asked: Flags, watch: Watch) -> dict[str, Any]:
    return progress(
        run,
        epochs=asked.epochs,
        levels=asked.levels,
        attempts=asked.attempts,
        seed=asked.seed,
        advance=watch,
    )


def show(report: dict[str, Any], console: Console) -> None:
    """The report for people."""
    console.print(
        f"{report['run']}: {report['method']} on {report['environment']}, "
        f"{plural(len(report['seeds']), 'seed')}; {report['levels']} levels of each epoch, "
        f"{plural(report['attempts'], 'attempt')} at each, intervals over "
        f"{report['interval_over']}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    steps = [count(step) for step in report["steps"]]
    table = Table(title="success", title_justify="left")
    table.add_column("student at", no_wrap=True)
    for end in steps[1:]:
        table.add_column(f"levels to {end}", justify="right")
    for step, row in zip(steps, report["success"], strict=True):
        table.add_row(step, *map(_cell, row))
    table.add_section()
    for name in ("learned", "forgotten"):
        table.add_row(name, *map(_cell, report[name]))
    table.add_row("entered", *(count(number) for number in report["entered"]))
    console.print(table)
    low, high = (end[-1] for end in report["annecs_interval"])
    console.print(
        f"ANNECS: {report['annecs'][-1]:.0f} levels ({low:.0f} to {high:.0f}) that nobody could do "
        f"when they were made were solved later, of {count(sum(report['entered']))} that entered.",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _cell(value: float | None) -> str:
    return "-" if value is None else rate(value)
