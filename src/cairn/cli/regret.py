"""`cairn regret`: how much could a run's student still learn on its levels, at least?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cairn.cli.looking import look
from cairn.cli.testing import Watch, between
from cairn.core.console import count, plural
from cairn.runs.open import Run
from cairn.runs.regret import regret

USAGE = """\
Bound the regret of a run's student from below, where nobody knows the best return of a level.

usage: cairn regret RUN [flags]

  cairn regret runs/maze-plr-1                    its archive's levels, and fresh ones
  cairn regret runs/maze-plr-1 --of fresh         fresh levels alone
  cairn regret runs/maze-plr-1 --updates 64       a bound nearer to the truth, in more time
  cairn regret runs/maze-paired-1 --of designed   the levels that its teacher designs now
  cairn regret runs/maze-plr-1 --json -           one JSON object and nothing else

For each level a copy of the student learns on that level alone, for --updates updates, each on a
rollout of the run's own size. What the copy then reaches in fresh attempts beyond the student can
be reached, so it is a LOWER BOUND of regret, in the mean over attempts: where the copy found
nothing better there may be something better still. Where the environment knows the best return of
a level, regret itself stands beside. The result is kept in RUN/regret.json and drawn in
RUN/pictures/regret.png and in cairn view; nothing else of the run changes.
"""


@dataclass(frozen=True)
class Flags:
    """How to look."""

    of: str | None = None
    """Which levels: archive, fresh, designed (by a teacher). Default: all that the run has."""
    levels: int = 16
    """Levels of each; each costs as many rollouts as updates."""
    updates: int = 16
    """Updates of each copy."""
    episodes: int = 64
    """Fresh attempts at each level by the student and by its copy: at least 2."""
    run_seed: int | None = None
    """Which of the run's seeds. Default: its first."""
    seed: int = 0
    """Fixes the levels and every draw."""
    json: Path | None = None
    """Write the result as JSON to this file; - for standard output, and nothing else there."""


def regret_command(arguments: list[str]) -> int:
    """Tune copies, keep the result in the run, print a table or JSON."""
    watch = Watch("copies on", "levels")
    return look("regret", arguments, USAGE, Flags(), watch, _measure, show)


def _measure(run: Run, asked: Flags, watch: Watch) -> dict[str, Any]:
    return regret(
        run,
        None if asked.of is None else [asked.of],
        levels=asked.levels,
        updates=asked.updates,
        episodes=asked.episodes,
        trained_seed=asked.run_seed,
        seed=asked.seed,
        advance=watch,
    )


def show(report: dict[str, Any], console: Console) -> None:
    """The report for people."""
    console.print(
        f"{report['run']}: {report['method']} on {report['environment']}, seed {report['seed']}; "
        f"copies after at most {plural(report['updates'], 'update')} of "
        f"{plural(report['steps_per_update'], 'step')} on their level alone "
        f"({count(report['environment_steps'])} steps played).",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    known = any("regret" in one for one in report["sources"].values())
    table = Table(title="A lower bound of regret", title_justify="left")
    table.caption = (
        "What copies reach beyond the student: at most its regret. Intervals over levels;\n"
        "share: of the regret."
        if known
        else "What copies reach beyond the student: at most its regret. Intervals over levels."
    )
    table.caption_justify = "left"
    heads = ["", "levels", "bound", "95% interval", "student", "copy"]
    for head in [*heads, *(["regret", "share"] if known else [])]:
        table.add_column(head, justify="right" if head else "left", no_wrap=True)
    for name, one in report["sources"].items():
        cells = [name, str(one["levels"]), _number(one["bound"]["value"])]
        cells += [between(one["bound"]["interval"], digits=2)]
        cells += [_number(one[who]["value"]) for who in ("student", "copy")]
        if known:
            cells += [_number(one["regret"]["value"]), _number(one["share_of_regret"])]
        table.add_row(*cells)
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
