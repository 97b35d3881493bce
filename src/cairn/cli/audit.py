"""`cairn audit`: do the scores of a run say which levels have something to teach?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cairn.cli.looking import look
from cairn.cli.testing import Watch, between
from cairn.core.agreement import TOP
from cairn.core.console import count, plural
from cairn.runs.audit import audit, newest, score_name
from cairn.runs.open import Run

USAGE = """\
Compare every score with the truth: does it put the levels into the right order?

usage: cairn audit RUN [flags]

  cairn audit runs/maze-plr-1                   the levels of its archive, and fresh ones
  cairn audit runs/maze-plr-1 --levels 512      narrower intervals, in four times the time
  cairn audit runs/maze-plr-1 --json -          one JSON object and nothing else
  cairn train maze --method plr --audit-every 20            the same while training: it stays
                                                            in the run's metrics and curves
  cairn train maze --method plr --keep-checkpoints all      so that an audit shows it over time

A score is computed from one rollout as long as a cycle's. The truth is made of many fresh episodes
at each level: regret (the best return that is possible less the student's mean return), where the
environment knows the best, and learnability p (1 - p) of the success rate p. Told are Spearman's
and Kendall's rank correlation (1: the true order; 0: none; below: upside down), and of the top
tenth by score the share that is in the top tenth by truth (chance: 0.10). "as kept" is the score
that the archive holds, which may be an old one. The result is kept in RUN/audit.json and drawn in
RUN/pictures/audit.png and in cairn view; nothing else of the run changes.
"""


@dataclass(frozen=True)
class Flags:
    """How to look."""

    levels: int = 128
    """Levels of each source (archive, fresh, designed by a teacher): at least 8."""
    episodes: int = 32
    """First attempts at each level for the truth: at least 2."""
    checkpoints: int = 8
    """At most so many of the run's checkpoints, evenly spread, the newest among them."""
    seed: int = 0
    """Fixes the levels and every draw, so that an audit can be repeated."""
    json: Path | None = None
    """Write the result as JSON to this file; - for standard output, and nothing else there."""


def audit_command(arguments: list[str]) -> int:
    """Audit a run, keep the result in it, print tables or JSON."""
    watch = Watch("levels of", "looks")
    return look("audit", arguments, USAGE, Flags(), watch, _measure, show)


def _measure(run: Run, asked: Flags, watch: Watch) -> dict[str, Any]:
    return audit(
        run,
        levels=asked.levels,
        episodes=asked.episodes,
        checkpoints=asked.checkpoints,
        seed=asked.seed,
        advance=watch,
    )


def show(report: dict[str, Any], console: Console) -> None:
    """The report for people."""
    words = [
        f"{report['run']}: {report['method']} on {report['environment']}, "
        f"{plural(len(report['seeds']), 'seed')}; scores from one rollout of "
        f"{plural(report['rollout_steps'], 'step')}, the truth from "
        f"{plural(report['episodes'], 'episode')} at each level "
        f"({count(report['environment_steps'])} steps played)."
    ]
    if not report["oracle"]:
        words.append(
            f"No oracle: {report['environment']} does not know the best return of a level, so "
            f"learnability is the only truth here. cairn regret finds a lower bound of regret."
        )
    for line in words:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for source, figures in newest(report).items():
        for truth in figures["truth"]:
            console.print(_table(report, source, figures, truth))
    if len(report["checkpoints"]) > 1:
        for truth in next(iter(newest(report).values()))["truth"]:
            console.print(_over_time(report, truth))


def _table(report: dict[str, Any], source: str, figures: dict[str, Any], truth: str) -> Table:
    title = f"{source} levels, against {truth}"
    table = Table(title=title, title_justify="left")
    of = " and ".join(dict.fromkeys(map(str, figures["levels"])))
    over = next(iter(figures["scores"].values()))[truth]["spearman"]["interval_over"]
    table.caption = (
        f"{of} levels, mean {truth} {_number(figures['truth'][truth])}, interval over {over}"
    )
    table.caption_justify = "left"
    table.add_column("")
    for head in ("Spearman", "95% interval", "Kendall", f"top {TOP:.0%}"):
        table.add_column(head, justify="right", no_wrap=True)
    for name, row in figures["scores"].items():
        found = row[truth]
        table.add_row(
            score_name(name, report),
            _number(found["spearman"]),
            between(found["spearman"]["interval"]),
            _number(found["kendall"]),
            _number(found["top"]),
        )
    return table


def _over_time(report: dict[str, Any], truth: str) -> Table:
    """Spearman's correlation at every checkpoint, of the run's first source."""
    source = next(iter(newest(report)))
    table = Table(
        title=f"Over the run: Spearman with {truth}, {source} levels", title_justify="left"
    )
    table.add_column("after steps")
    rows: dict[str, list[str]] = {}
    for row in report["checkpoints"]:
        table.add_column(count(sum(row["steps"]) / len(row["steps"])), justify="right")
        for name, found in row["sources"][source]["scores"].items():
            rows.setdefault(score_name(name, report), []).append(_number(found[truth]["spearman"]))
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


def _number(found: dict[str, Any]) -> str:
    return "-" if found["value"] is None else f"{found['value']:.2f}"
