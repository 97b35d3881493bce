"""`cairn evaluate`: how good is a run's agent on levels it has never seen?"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from rich.console import Console
from rich.table import Table

from cairn.cli import flags
from cairn.cli.testing import Watch, check_json, give_json, rate, run_paths
from cairn.core.console import count
from cairn.runs.evaluate import evaluate
from cairn.runs.open import open_run

USAGE = """\
Test a run's agent on levels it has never seen: 20 attempts at each, with sampled actions.

usage: cairn evaluate RUN [flags]

  cairn evaluate runs/maze-dr-1                       the first suite: for the maze, famous ones
  cairn evaluate runs/maze-dr-1 --suite all           every suite of the environment
  cairn evaluate runs/maze-dr-1 --levels mine.json    your own levels
  cairn evaluate runs/maze-dr-1 --json -              one JSON object and nothing else

Suites of the maze: named (headline: the eight whose goal never moves), random (fresh solvable
ones), procedural (families drawn by a rule), cvar (the worst of many). Reading changes nothing.
"""


@dataclass(frozen=True)
class Flags:
    """How to test."""

    suite: str | None = None
    """Name of a suite, or all. Default: the environment's first, or none with --levels."""
    levels: Path | None = None
    """A file of levels to test on."""
    json: Path | None = None
    """Write the result as JSON to this file; - for standard output, and nothing else there."""
    full: bool = False
    """Published sizes: the worst of 10,000 levels, and with --suite all the largest mazes."""
    attempts: int = 20
    """Episodes at each level."""
    seed: int = 0
    """Fixes the levels and every draw, so that a test can be repeated."""


def evaluate_command(arguments: list[str]) -> int:
    """Test a run and print a table or JSON."""
    (path,), given = run_paths("evaluate", 1, arguments, USAGE)
    asked = flags.parse(
        Flags, given, get_type_hints(Flags), default=Flags(), prog="cairn evaluate RUN"
    )
    run = open_run(path)
    check_json(asked.json, [run])
    with Watch() as watch:
        report = evaluate(
            run,
            None if asked.suite is None else [asked.suite],
            levels=asked.levels,
            full=asked.full,
            attempts=asked.attempts,
            seed=asked.seed,
            advance=watch,
        )
    give_json(asked.json, report)
    if asked.json is None or str(asked.json) != "-":
        show(report, Console(file=sys.stdout))
    return 0


def show(report: dict[str, Any], console: Console) -> None:
    """The report for people."""
    seeds = len(report["seeds"])
    console.print(
        f"{report['run']}: {report['method']} on {report['environment']}, {seeds} "
        f"seed{'s' * (seeds != 1)}, {report['attempts']} attempts at each level, "
        f"{report['actions']} actions",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for name, figures in report["suites"].items():
        console.print(_table(name, figures))


def _table(name: str, figures: dict[str, Any]) -> Table:
    table = Table(title=name, title_justify="left", caption=_caption(figures))
    table.caption_justify = "left"
    for column in ("", "solve rate", "95% interval", "return", "steps"):
        table.add_column(column, justify="left" if column == "" else "right", no_wrap=True)
    table.add_row("[bold]mean[/]", *_row(figures))
    low, high = figures["interquartile_interval"]
    table.add_row(
        "interquartile mean", rate(figures["interquartile_mean"]), f"{rate(low)} to {rate(high)}"
    )
    worst = {k: v for k, v in figures.get("worst", {}).items() if isinstance(v, dict)}
    for share, part in worst.items():
        table.add_row(f"worst {share} of levels", *_row(part))
    groups = figures.get("groups", {})
    levels = {} if groups or len(figures["levels"]) > 30 else figures["levels"]
    table.add_section()
    for label, part in (groups | levels).items():
        beside = label in figures["beside_the_headline"]
        table.add_row(f"[dim]{label} (beside)[/]" if beside else label, *_row(part))
    return table


def _row(figures: dict[str, Any]) -> list[str]:
    low, high = figures["interval"]
    cells = [rate(figures["solve_rate"]), f"{rate(low)} to {rate(high)}"]
    if "return" in figures:
        cells += [f"{figures['return']:.3f}", f"{figures['length']:.0f}"]
    return cells


def _caption(figures: dict[str, Any]) -> str:
    return (
        f"{len(figures['levels'])} levels, at most {figures['step_limit']} steps, interval over "
        f"{figures['interval_over']}; {count(figures['environment_steps'])} steps played"
    )
