"""`cairn evaluate`: how good is a run's agent on levels it has never seen?"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cairn.cli import flags
from cairn.cli.testing import Watch, between, check_json, give_json, rate, run_paths
from cairn.core.console import count, plural
from cairn.core.measures import label
from cairn.evaluation.evaluate import Actions
from cairn.runs.evaluate import evaluate
from cairn.runs.open import open_run

USAGE = """\
Test a run's agent on levels it has never seen: 20 attempts at each.

usage: cairn evaluate RUN [flags]

  cairn evaluate runs/maze-dr-1                       the first suite: for the maze, famous ones
  cairn evaluate runs/maze-dr-1 --suite all           every suite of the environment
  cairn evaluate runs/maze-dr-1 --levels mine.json    your own levels, the run's step limit
  cairn evaluate runs/maze-dr-1 --actions greedy      always the most likely action
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
    actions: Actions = "sampled"
    """Sampled from the policy, as in training, or always its most likely ones."""
    role: str | None = None
    """Who is tested, where several play: student (the default), antagonist, ..."""
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
            actions=asked.actions,
            seed=asked.seed,
            role=asked.role,
            advance=watch,
        )
    give_json(asked.json, report)
    if asked.json is None or str(asked.json) != "-":
        show(report, Console(file=sys.stdout))
    return 0


def show(report: dict[str, Any], console: Console) -> None:
    """The report for people."""
    console.print(
        f"{report['run']}: {report['method']} on {report['environment']}, "
        f"{plural(len(report['seeds']), 'seed')}, "
        f"{plural(report['attempts'], 'attempt')} at each level, {report['actions']} actions"
        f"{', by the ' + report['role'] if report['role'] else ''}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for name, figures in report["suites"].items():
        console.print(_table(name, figures))
        for warning in figures["warnings"]:
            console.print(f"WARNING: {warning}", markup=False, highlight=False, soft_wrap=True)


def _table(name: str, figures: dict[str, Any]) -> Table:
    measure = figures["measure"]
    others = [n for n in ("solve_rate", "win_rate", "return") if n in figures and n != measure]
    known = any("optimal_steps" in level for level in figures["levels"].values())
    table = Table(title=name, title_justify="left", caption=_caption(figures))
    table.caption_justify = "left"
    columns = ("", label(measure), "95% interval", *map(label, others), "steps")
    for column in (*columns, "optimal") if known else columns:
        # Names are wrapped where they are too long, numbers never.
        table.add_column(column, justify="right" if column else "left", no_wrap=bool(column))

    def row(title: str, part: dict[str, Any]) -> None:
        cells = [rate(part[measure]), between(part["interval"])]
        if "length" in part:
            cells += [*(rate(part[name]) for name in others), f"{part['length']:.0f}"]
        if "optimal_steps" in part:
            optimal = part["optimal_steps"]
            cells.append("none" if optimal is None else f"{optimal}")
        table.add_row(title, *cells)

    row("[bold]mean[/]", figures)
    if "solvable" in figures:
        row("solvable levels", figures["solvable"])
    middle = rate(figures["interquartile_mean"]), between(figures["interquartile_interval"])
    table.add_row("interquartile mean", *middle)
    worst = {k: v for k, v in figures.get("worst", {}).items() if isinstance(v, dict)}
    for share, part in worst.items():
        row(f"worst {share} of levels", part)
    groups = figures.get("groups", {})
    levels = {} if groups or len(figures["levels"]) > 30 else figures["levels"]
    table.add_section()
    for title, part in (groups | levels).items():
        beside = title in figures["beside_the_headline"]
        row(f"[dim]{escape(title)} (beside)[/]" if beside else escape(title), part)
    return table


def _caption(figures: dict[str, Any]) -> str:
    lower = "" if figures["higher_is_better"] else "lower is better; "
    return (
        f"{plural(len(figures['levels']), 'level')}, at most "
        f"{plural(figures['step_limit'], 'step')}, interval over {figures['interval_over']}; "
        f"{lower}{count(figures['environment_steps'])} steps played"
    )
