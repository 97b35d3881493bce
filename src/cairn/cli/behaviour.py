"""`cairn behaviour`: how does the language model of a run answer, next to how it began?"""

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from cairn.cli.looking import look
from cairn.cli.testing import Watch, between, picture
from cairn.core.console import count, plural
from cairn.core.rundir import RunDir
from cairn.runs.behaviour import NAME, WHO, behaviour
from cairn.runs.open import Run

USAGE = """\
How does the language model of a run answer problems it cannot have learned from?

usage: cairn behaviour RUN [flags]

  cairn behaviour runs/addition-grpo-1                 a table, and RUN/pictures/behaviour.png
  cairn behaviour runs/addition-grpo-1 --problems 256  narrower intervals
  cairn behaviour runs/addition-grpo-1 --draws 10000   pass rates down to a ten-thousandth
  cairn behaviour runs/addition-grpo-1 --json -        one JSON object and nothing else
  cairn train addition --method grpo --behaviour-answers 0   no report at the end of a run

The model is asked, and beside it the one it began as, both at temperature 1 and by the same random
numbers, on problems of the usual kind (test) and of a harder one (shifted). Told are pass@k without
bias, the majority's answer, different correct solutions among the answers to a problem, variety
within and across problems, lengths, entropy of a choice, the divergence (KL) from the start, and
how much less there is on harder problems (gap). Where fewer than two answers are correct a problem
is asked again, up to --draws times: PassUntil. Every run that ends makes this report; the ledger
does not count it. It is kept in RUN/behaviour.json and drawn in RUN/pictures/behaviour.png and in
cairn view; nothing else of the run changes.
"""
SHOWN = (
    "pass@", "majority@", "pass_until", "quality", "distinct_valid", "diversity_per_input",
    "diversity_across_input", "length", "truncated", "entropy", "kl_to_start",
)  # fmt: skip
"""How the names of figures in the table begin; all are in the JSON."""


@dataclass(frozen=True)
class Flags:
    """What to ask."""

    problems: int = 64
    """Problems of each split."""
    answers: int = 16
    """Answers to each: at least 2, and pass@k up to so many."""
    draws: int = 64
    """Answers to a problem at most, until two were correct."""
    seed: int = 0
    """Fixes problems and draws: the same in every run of a task, so that runs are compared."""
    json: Path | None = None
    """Write the result as JSON to this file; - for standard output, and nothing else there."""


def behaviour_command(arguments: list[str]) -> int:
    """Ask a run's model, keep the report in it, print a table or JSON."""
    return look(NAME, arguments, USAGE, Flags(), Watch("asking", "looks"), _measure, show)


def _measure(run: Run, asked: Flags, watch: Watch) -> dict[str, Any]:
    return behaviour(
        run,
        problems=asked.problems,
        answers=asked.answers,
        draws=asked.draws,
        seed=asked.seed,
        advance=watch,
    )


def tell(report: dict[str, Any], directory: RunDir) -> None:
    """Draw and print the report of a run that has just ended."""
    drawn = picture(report, directory, NAME, import_module("cairn.show.behaviour_sheet").draw)
    show(report, Console(file=sys.stdout))
    print(drawn, flush=True)


def show(report: dict[str, Any], console: Console) -> None:
    """The report for people."""
    console.print(
        f"{report['run']}: {report['method']} on {report['environment']}, "
        f"{plural(len(report['seeds']), 'seed')}; {plural(report['answers'], 'answer')} to each of "
        f"{plural(report['problems'], 'problem')} of a split, up to {report['draws']:,} where few "
        f"are correct ({count(sum(report['tokens_sampled']))} tokens sampled).",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    splits = list(report["model"]["splits"])
    # Narrow enough for a terminal of 80 columns.
    table = Table(title="How its model answers", title_justify="left", box=SIMPLE_HEAD)
    table.pad_edge, table.padding = False, 0
    first = report["model"]["splits"][splits[0]]
    over = next(iter(first.values()))["interval_over"]
    table.caption, table.caption_justify = f"95 % intervals over {over}", "left"
    table.add_column("")
    for split in splits:
        table.add_column(split, justify="right", no_wrap=True)
        table.add_column("95%", justify="right", no_wrap=True)
        table.add_column("start", justify="right", no_wrap=True)
    table.add_column("gap", justify="right", no_wrap=True)
    for name in first:
        if not name.startswith(SHOWN):
            continue
        cells = [name.replace("_", " ")]
        for split in splits:
            model, start = (report[who]["splits"][split][name] for who in WHO)
            cells += [_number(model), between(model["interval"], digits=2), _number(start)]
        table.add_row(*cells, _number(report["model"]["gap"].get(name)))
    console.print(table)


def _number(found: dict[str, Any] | None) -> str:
    return "" if found is None else "-" if found["value"] is None else f"{found['value']:.2f}"
