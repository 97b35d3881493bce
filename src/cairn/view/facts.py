"""What the files of a run say of it: settings, versions, ledger, checkpoints, newest lines.

Each function gives a section; what cannot be read is said in it, and the other sections go on.
"""

import math
import os
import shlex
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from cairn.core import counts
from cairn.core.console import count
from cairn.core.counts import COUNTS
from cairn.core.errors import CairnError
from cairn.core.measures import headline, usual_first
from cairn.report.parts import Figures, Part, Section, Table, Text, Words
from cairn.report.words import Row, moment
from cairn.view.kinds import KINDS
from cairn.view.reading import read_table
from cairn.view.rows import is_metrics, parse
from cairn.view.summaries import Summary

LONGEST_LINE = 2_000
"""Characters of a log line that a page shows."""
MOST_FILES = 200
MOST_METRICS = 5
MAIN = ("solve_rate", "return", "coverage", "qd_score", "best", "entropy", "archive_score")
"""Metrics of the newest lines that are shown before others."""
PAST = ("extended", "init_from")
"""What a config tells of its run's past, beside settings: no file of settings has it."""


def guarded(id: str, title: str, make: Callable[[], Section]) -> Section:
    """A section, or what stood in its way."""
    try:
        return make()
    except (
        CairnError, OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError
    ) as error:  # fmt: skip
        why = str(error) if isinstance(error, CairnError) else f"damaged ({type(error).__name__})"
        return Section(id, title, [Words(f"This part cannot be shown: {why}", "bad")])


def again(run: Summary, place: str) -> Section:
    """The command that makes the run again, and its config as the file that the command reads.

    `place`: what the run is called in a command.
    """
    file, more = shlex.quote(file_name(run)), shlex.quote(f"{place}-again")
    config = read_table(run.path / "config.json")
    text = toml({name: value for name, value in config.items() if name not in PAST})
    commands = {
        "cairn train": f"cairn train --config {file}",
        "cairn redteam run": f"cairn redteam run {file} --run {more}",
        "cairn redteam test": f"cairn redteam test FILE --config {file} --run {more}",
    }
    command = commands.get(run.command)
    begun = config.get("init_from")
    if command is not None and isinstance(begun, Mapping):
        command += f" --init-from {shlex.quote(str(begun.get('run', '')))}"
    parts: list[Part]
    if command is None:
        parts = [Words(f"It was made by {run.command} in a program, with this config.")]
    else:
        parts = [Words(f"Keep the config below as {file_name(run)}, then:"), Text(command)]
    if run.command == "cairn train":
        parts.append(Words("Go on with this one, if its budget is not reached or is raised:"))
        parts.append(Text(f"cairn train --resume {shlex.quote(place)}"))
    return Section("config", "Config, and how to make it again", [*parts, Text(text, "Config")])


def go_on(run: Summary, place: str) -> str:
    """The command, or line of Python, that goes on with a killed run; empty where none would.

    `place`: what the run is called in a command.
    """
    kind = KINDS.get(run.command)
    if run.state != "killed":
        return ""
    if run.kind == "journaled":
        return "" if kind is None else kind.go_on(Path(place))
    return f"cairn train --resume {shlex.quote(place)}" if _files(_states(run)) else ""


def newest(run: Summary) -> str:
    """What panels of the run are made from now, its newest checkpoint or its journal: a number that
    grows, a space, and the same in words; empty if nothing tells."""
    if run.kind == "compiled":
        found = max((name for name, *_ in _files(_states(run))), default="")
        steps = found.removeprefix("step-").partition(".")[0]
        return f"{int(steps)} {int(steps):,} steps" if steps.isdecimal() else ""
    return f"{run.updated:.0f} {moment(run.updated)}" if run.kind == "journaled" else ""


def toml(config: Mapping[str, Any]) -> str:
    """Settings as the TOML that commands read; what is None is left out, as it was."""
    known = _known(config)
    assert isinstance(known, dict)
    return tomli_w.dumps(known)


def file_name(run: Summary) -> str:
    """What its config is called as a file."""
    return f"{run.name.rpartition('/')[2]}.toml"


def versions(run: Summary) -> Section:
    """What it was made with."""
    found = read_table(run.path / "versions.json")
    rows = [Row(name.replace("_", " "), _words(value), "") for name, value in found.items()]
    return Section("versions", "Versions", [Figures(rows)])


def ledger(rows: Sequence[Mapping[str, Any]]) -> Section:
    """What has been counted, by seed."""
    totals: Mapping[str, Sequence[int]] = rows[-1]["ledger"] if rows else {}
    seeds = max((len(column) for column in totals.values()), default=0)
    head = ["count", *(f"seed {i}" for i in range(seeds)), "what it is"]
    lines = [
        [name.replace("_", " "), *column, COUNTS.get(name, "")] for name, column in totals.items()
    ]
    parts = [Table(head, lines, name="ledger")] if lines else [Words("Nothing yet.", "muted")]
    return Section("ledger", "Ledger", parts)


def checkpoints(run: Summary) -> Section:
    """The states that are kept, newest first, with their sizes."""
    found = sorted(_files(_states(run)), reverse=True)
    rows = [[name, size, moment(changed)] for name, size, changed in found]
    shown = Table(["file", "bytes", "written (UTC)"], rows[:MOST_FILES], name="checkpoints")
    parts = [shown] if rows else [Words("None yet.", "muted")]
    return Section("checkpoints", "Checkpoints", parts)


def log(metrics: Sequence[str], timing: Sequence[str]) -> Section:
    """The newest lines: their main figures, and as they stand in the files."""
    parts: list[Part] = [*main_figures(metrics)]
    parts += [
        Text("\n".join(_cut(line) for line in lines), name, f"raw-{name.partition('.')[0]}")
        for name, lines in (("metrics.jsonl", metrics), ("timing.jsonl", timing))
        if lines
    ]
    return Section("log", "Newest lines", parts or [Words("None yet.", "muted")])


def _states(run: Summary) -> Path:
    return run.path / "checkpoints"


def main_figures(lines: Sequence[str]) -> list[Table]:
    """A table of the main figures of metrics' lines, means over seeds; none if none is one."""
    rows = [row for line in lines if is_metrics(row := parse(line.encode()))]
    try:
        return [_newest(rows)] if rows else []
    except OverflowError:  # a number that no computer counts to is seen in the line itself
        return []


def _newest(rows: Sequence[Mapping[str, Any]]) -> Table:
    known = dict.fromkeys(name for row in rows for name in row["metrics"])
    shown = sorted(known, key=lambda name: name not in MAIN)[:MOST_METRICS]
    tests = usual_first(dict.fromkeys(suite for row in rows for suite in row.get("evaluation", {})))
    head = ["cycle", "spent", *(name.replace("_", " ") for name in shown)]
    table = [
        [
            max(row["cycle"]),
            count(round(sum(cost) / len(cost))),
            *(_mean(row["metrics"].get(name, ())) for name in shown),
            *(_tested(row.get("evaluation", {}).get(suite)) for suite in tests[:1]),
        ]
        for row in rows
        for cost in [counts.cost(row["ledger"])]
    ]
    return Table([*head, *(f"test, {suite}" for suite in tests[:1])], table)


def _mean(values: Sequence[Any]) -> str | None:
    known = [v for v in values if isinstance(v, int | float) and math.isfinite(v)]
    return f"{sum(known) / len(known):.4g}" if known else None


def _tested(figures: Any) -> str | None:
    return None if figures is None else _mean(headline(figures)[1])


def _files(folder: Path) -> list[tuple[str, int, float]]:
    """Name, bytes and time of the plain files of a folder; of a link nothing is told."""
    found = []
    try:
        # Of a link the names that lie elsewhere would be told.
        entries = [] if folder.is_symlink() else list(os.scandir(folder))
    except OSError:
        return []
    for entry in entries:
        try:
            state = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # gone meanwhile: training keeps only the newest
        if stat.S_ISREG(state.st_mode) and not entry.name.startswith("."):
            found.append((entry.name, state.st_size, state.st_mtime))
    return found


def _known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _known(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_known(item) for item in value if item is not None]
    return value


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cut(line: str) -> str:
    left = len(line) - LONGEST_LINE
    return line if left <= 0 else f"{line[:LONGEST_LINE]} … {count(left)} more characters"
