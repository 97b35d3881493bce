"""A run that somebody looks at: what was read of it is kept, and read on where its files grew."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cairn.core.console import count
from cairn.report.data import Chart, Curves
from cairn.report.parts import Part, Section, Words
from cairn.show import charts
from cairn.view import facts, kinds
from cairn.view.journal import JournalView
from cairn.view.journal_found import COMMANDS
from cairn.view.lines import Lines
from cairn.view.reading import read_table
from cairn.view.rows import Row, parse
from cairn.view.summaries import Summary

NEWEST = 4
"""Lines of a file that a page shows."""


class Looked(NamedTuple):
    """What a look at a run found that may be otherwise at the next."""

    figures: Sequence[Section]
    """What a page begins with."""
    facts: Sequence[Section]
    """What it ends with."""
    speed: str
    """Steps per second, in words; empty if nothing tells."""

    @property
    def charts(self) -> list[Chart]:
        """Every chart, in the order of the page."""
        return [one for section in self.figures for one in charts_in(section.parts)]


class Watched:
    """What was read of one run. Not for several threads at once."""

    def __init__(self, path: Path, place: str = "", *, redact: bool = False):
        """`place`: what the run is called in a command; its path, if nothing else is said.

        `redact`: no text of a language run is shown.
        """
        self.journal = JournalView(path, redact=redact)
        self._place = Path(place or path)
        self._metrics, self._timing = Lines(path / "metrics.jsonl"), Lines(path / "timing.jsonl")
        self._figures: Sequence[Section] | None = None
        self._run: Summary | None = None

    def look(self, run: Summary) -> Looked:
        """Figures, ledger, checkpoints and newest lines as they are now."""
        if run.kind == "journaled":
            return Looked(self._of_journal(run), [], "")
        if run.kind == "broken":
            return Looked([], [], "")
        changed = self._metrics.refresh()
        if changed or not self._metrics.rows or self._figures is None:
            self._figures = [facts.guarded("curves", "Curves", lambda: self._curves(run))]
        timing = self._timing.tail(NEWEST)  # no more of it is shown, so no more is read
        made = [
            facts.guarded("ledger", "Ledger", lambda: facts.ledger(self._metrics.rows)),
            facts.guarded("checkpoints", "Checkpoints", lambda: facts.checkpoints(run)),
            facts.log(self._metrics.tail(NEWEST), timing),
        ]
        return Looked(self._figures, made, _speed(timing))

    def rows(self) -> Sequence[Row]:
        """The lines of its metrics that are kept, as they are now."""
        self._metrics.refresh()
        return self._metrics.rows

    def close(self) -> None:
        """Delete what was copied to be read."""
        self.journal.close()

    def _curves(self, run: Summary) -> Section:
        rows = list(self._metrics.rows)
        problem = [Words(self._metrics.problem, "bad")] if self._metrics.problem else []
        if not rows:
            running = run.state == "running"
            said = "It is starting or compiling: the first line comes after that, by itself."
            told = Words(said if running else "No line was written.", "muted")
            return Section("curves", "Curves", problem or [told])
        curves = charts.data(rows, run.method, run.task, run.seeds)
        return Section("curves", "Curves", [*problem, curves])

    def _of_journal(self, run: Summary) -> Sequence[Section]:
        running = run.state == "running"
        changed = self.journal.refresh() or run is not self._run
        if changed or self._figures is None:
            self._run = run
            told = facts.guarded("standing", "Progress", lambda: self._standing(run))
            own = [self.journal.found()] if run.command in COMMANDS else []
            self._figures = [told, *own, *self.journal.figures(running)]
        return self._figures

    def _standing(self, run: Summary) -> Section:
        told = kinds.told(run.path, run.command, read_table(run.path / "config.json"))
        kind = kinds.KINDS.get(run.command)
        go_on = "" if kind is None else kind.go_on(self._place)
        return kinds.section(told._replace(go_on=go_on), running=run.state == "running")


def _speed(timing: Sequence[str]) -> str:
    """Steps per second by the newest line of clock times, in words; empty if it says none."""
    row = parse(timing[-1].encode()) if timing else None
    found = row.get("steps_per_second") if isinstance(row, dict) else None
    try:
        number = float(found) if isinstance(found, int | float) else math.nan
    except OverflowError:
        number = math.nan
    return f"{count(number)} steps/s" if math.isfinite(number) else ""


def charts_in(parts: Sequence[Part]) -> list[Chart]:
    """The charts among the parts of a section, in their order."""
    found: list[Chart] = []
    for part in parts:
        if isinstance(part, Curves):
            found += [chart._replace(axis=part.axis) for chart in part.charts]
        elif isinstance(part, Chart):
            found.append(part)
    return found
