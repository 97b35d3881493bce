"""The kinds of journaled runs: what each is called, how far it is, how it goes on, what it shows.

A wing adds a line to `KINDS`. Nothing here imports a wing that needs JAX: panels and pages are
addresses, for the process that may.
"""

import shlex
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from cairn.report.parts import Figures, Notes, Part, Section, Text, Words
from cairn.report.words import SIMULATED, Row
from cairn.runs.directory import JOURNAL, LanguageRun
from cairn.view import kind_parts as parts
from cairn.view.journal_looks import UNREADABLE, Looks, Source, opened, said
from cairn.view.kind_parts import Config, Named, Progress
from cairn.view.reading import UnreadableError, read_table

SUMMARY = "summary.json"
NOTHING: Mapping[str, float] = MappingProxyType({"calls": 0.0, "tokens": 0.0, "money": 0.0})


class Kind(NamedTuple):
    """A kind of journaled run."""

    title: str
    named: Callable[[Config, Config | None], Named]
    """From config.json and summary.json."""
    progress: Callable[[sqlite3.Connection, Config], list[Progress]]
    """From an open journal."""
    go_on: Callable[[Path], str]
    """A command for a shell, or a line of Python."""
    panels: tuple[str, ...] = ()
    """Functions `(path, **arguments) -> list[Section]` as "package.module:name"."""
    page: str = ""
    """A function `(path, *, redact: bool) -> Page`, in the same way."""
    files: Callable[[Path, Config], list[Progress]] | None = None
    """In place of `progress`, of a run without a journal: from its files."""
    format: int = LanguageRun.FORMAT
    """Of its directory."""


class Told(NamedTuple):
    """Everything there is to say of a run without opening its wing."""

    title: str
    named: Named
    progress: list[Progress]
    spent: Mapping[str, float]
    """Settled calls, tokens and money."""
    simulated: bool
    finished: bool
    stopped: str
    """Why it ended, where its summary says."""
    go_on: str
    problem: str


def describe(command: str, config: Config, summary: Config | None) -> Named:
    """What a run that `command` made is called in a list, from config.json and summary.json."""
    kind = KINDS.get(command)
    return Named(command, "", None) if kind is None else kind.named(config, summary)


def format_of(command: str) -> int:
    """The format of a directory that `command` makes, as this release reads it."""
    kind = KINDS.get(command)
    return LanguageRun.FORMAT if kind is None else kind.format


def told(path: Path, command: str, config: Config) -> Told:
    """What there is to say of the run at `path`, which `command` made: one look at its journal.

    A journal that is empty is one that was just begun.
    """
    kind, (summary, problem) = KINDS.get(command), figures(path)
    named = describe(command, config, summary)
    progress: list[Progress] = []
    spent: Mapping[str, float] = NOTHING
    source = Source(JOURNAL, path / JOURNAL, "journal")
    try:
        if kind is not None and kind.files is not None:
            progress = kind.files(path, config)
        elif not source.path.exists() or source.path.stat().st_size:
            with opened(Looks(), source) as db:
                spent = _spent(db)
                progress = [] if kind is None else kind.progress(db, config)
    except (*UNREADABLE, KeyError, OSError) as error:
        problem = said(source, error)
    if kind is None:
        unknown = f"this release knows no runs of {command!r}: its journal can be looked at."
        return Told(command, named, [], spent, False, False, "", "", unknown)
    stopped = str(summary.get("stopped", "")) if summary else ""
    # A report that says so is believed as long as no more trials were asked for since.
    of_report = progress[:1] if stopped == "finished" else progress
    finished = bool(progress) and all(part.finished for part in of_report)
    simulated, go_on = is_simulated(config), kind.go_on(path)
    return Told(
        kind.title, named, progress, spent, simulated, finished, stopped, go_on, problem
    )  # fmt: skip


def _spent(db: sqlite3.Connection) -> dict[str, float]:
    query = "SELECT SUM(calls), SUM(tokens), SUM(micros) FROM spent WHERE outcome != 'lost'"
    calls, tokens, micros = (float(value or 0) for value in db.execute(query).fetchone())
    return {"calls": calls, "tokens": tokens, "money": micros / 1e6}


def is_simulated(config: Config) -> bool:
    """Whether models and what they answer are made up; `config` is nested, or flat by dotted
    names. Whatever shows figures of such a run has to say so."""
    return config.get("simulation") is not None or any(
        name.startswith("simulation.") for name in config
    )


def section(found: Told, *, running: bool | None = None) -> Section:
    """The same as a section of a page."""
    notes = [*filter(None, [found.problem]), *([SIMULATED] if found.simulated else [])]
    shown: list[Part] = [Notes(notes)] if notes else []
    rows = [
        Row(part.name, f"{part.done:,}{'' if part.of is None else f' of {part.of:,}'}", part.what)
        for part in found.progress
    ]
    headline = found.named.headline
    if headline is not None:
        between = "" if headline.low is None else f" [{headline.low:.2f}, {headline.high:.2f}]"
        rows.append(Row(headline.name, f"{headline.value:.2f}{between}", "of the last report"))
    if rows:
        shown.append(Figures(rows))
    if found.finished:
        shown.append(Words("It is finished."))
    elif not running:
        if found.stopped not in ("", "finished"):
            shown.append(Words(f"It stopped: {found.stopped}", "note"))
        if found.go_on:
            shown.append(Text(found.go_on, "go on with it"))
    return Section("standing", "Progress", shown)


def figures(path: Path) -> tuple[Config | None, str]:
    """The figures of the run's last report, if there are any; and in a line why there are not."""
    if not (path / SUMMARY).exists():
        return None, ""
    try:
        return read_table(path / SUMMARY), ""
    except UnreadableError as error:
        return None, str(error)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "cairn redteam run": Kind(
            "Red-teaming",
            parts.redteam,
            parts.redteam_progress,
            lambda path: f"cairn redteam resume {shlex.quote(str(path))}",
            panels=("cairn.redteam.look:report",),
            page="cairn.redteam.look:report_page",
        ),
        "cairn redteam test": Kind(
            "Test of prompts",
            parts.prompt_test,
            parts.prompt_test_progress,
            lambda path: f"cairn redteam test --run {shlex.quote(str(path))}",
            panels=("cairn.redteam.look:tested",),
            page="cairn.redteam.look:tested_page",
        ),
        "cairn refine run": Kind(
            "Refinement",
            parts.refinement,
            parts.refinement_progress,
            lambda path: f"the same command again, with --run {shlex.quote(str(path))}",
            panels=("cairn.refine.look:report",),
            page="cairn.refine.look:report_page",
        ),
        "cairn refine synth": Kind(
            "Source2Synth",
            parts.synthesis,
            parts.synthesis_progress,
            lambda path: f"the same command again, with --run {shlex.quote(str(path))}",
            panels=("cairn.refine.look:synthesized",),
        ),
        "cairn refine distill": Kind(
            "Small refiner",
            parts.distillation,
            lambda db, config: [],
            lambda path: "the same command again",
            panels=("cairn.refine.look:distilled",),
            files=parts.distillation_progress,
            format=1,
        ),
        "cairn search run": Kind(
            "Search over programs",
            parts.research,
            parts.research_progress,
            lambda path: f"cairn search resume {shlex.quote(str(path))}",
            panels=("cairn.research.look:report",),
            page="cairn.research.look:report_page",
        ),
        "cairn.search": Kind(
            "Search",
            parts.search,
            parts.search_progress,
            lambda path: f"cairn.search(..., run={str(path)!r})",
        ),
        "cairn.map": Kind(
            "Map",
            parts.mapping,
            parts.mapping_progress,
            lambda path: f"cairn.map(..., run={str(path)!r})",
        ),
    }
)
"""By the command or function that makes them, as `versions.json` names it."""
