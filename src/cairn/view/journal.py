"""A journal in figures, while it is written or long afterwards.

A look reads what changed since the last one: the books, the requests in flight, the sessions and
new events. The journal keeps no clock for a single call, so calls per second are the mean over the
running time, and, as long as somebody looks, what came in between two looks.
"""

import threading
import time
from collections.abc import Iterable
from pathlib import Path

from cairn.core.journal_read import state
from cairn.report.parts import Section, Words
from cairn.runs.directory import JOURNAL
from cairn.view.journal_books import Books, read_books
from cairn.view.journal_call import one
from cairn.view.journal_calls import Calls
from cairn.view.journal_found import found
from cairn.view.journal_looks import (
    UNREADABLE,
    Looks,
    Source,
    Stamp,
    damage,
    mark,
    opened,
    said,
    sources,
)
from cairn.view.journal_pace import Pace
from cairn.view.journal_sections import Known, sections
from cairn.view.journal_tally import Tally

SLICE_S = 0.3
"""How long a look counts events, at most about."""
SHARDS = 64
"""Shard journals that a look reads; more are open only where many workers were lost."""


class JournalView:
    """The journal of a run, looked at again and again."""

    def __init__(self, path: Path, *, redact: bool = False):
        """`path` is the run's directory; with `redact` no text of the run is shown."""
        self.path, self.redact = path, redact
        self.problem = "nobody has looked at the journal yet"
        """In a line, what is wrong with it; empty if nothing is."""
        self._looks, self._lock = Looks(), threading.RLock()
        self._tally, self._pace = Tally(), Pace()
        self._books: dict[str, tuple[Stamp, Books]] = {}
        """By source."""
        self._stamps: tuple[tuple[str, Stamp], ...] = ()
        self._stuck = ""
        self._left_out = 0

    @property
    def more(self) -> bool:
        """Whether events are still to be counted: look again."""
        return self._tally.more and not self._stuck

    def refresh(self, seconds: float = SLICE_S) -> bool:
        """Look again, counting events for about so long; whether there is anything new."""
        with self._lock:
            return self._refresh(seconds)

    def _refresh(self, seconds: float) -> bool:
        there = sources(self.path)
        stamps = tuple((source.name, state(source.path)) for source in there)
        if stamps == self._stamps and not self.more:
            return False
        changed = stamps != self._stamps
        self._stamps = stamps
        read = [source for source in there if source.kind != "store"]
        newest = sorted(read[1:], key=lambda source: dict(stamps)[source.name][0][2])[-SHARDS:]
        self._left_out = len(read) - 1 - len(newest)
        before, self.problem = self.problem, ""
        counted = self._main(read[0], seconds)
        for source in newest:
            self._shard(source)
        names = {read[0].name, *(source.name for source in newest)}
        self._books = {name: book for name, book in self._books.items() if name in names}
        self._pace.note(time.time(), self.books())
        return changed or counted or before != self.problem

    def books(self) -> list[Books]:
        """Those of the run, then those of shards in other processes."""
        return list(self._books_by_name().values())

    def figures(self, running: bool | None = None) -> list[Section]:
        """Everything there is to say; `running`: whether a process has the run, if that is known.

        After a failed look, what the last good one saw.
        """
        with self._lock:
            return sections(self._known(running))

    def _known(self, running: bool | None) -> Known:
        return Known(
            problems=tuple(filter(None, (self.problem, self._stuck))),
            running=running,
            redact=self.redact,
            books=self._books_by_name(),
            left_out=self._left_out,
            tally=self._tally,
            pace=self._pace,
            files=_files(self.path),
        )

    def calls(self, search: str = "", before: str = "") -> Section:
        """Calls that are still held, newest first; `before` is where an earlier list ended."""
        with self._lock:
            held = Calls(self._looks, sources(self.path), self._roles(), redact=self.redact)
            return held.listed(search, before)

    def found(self) -> Section:
        """What a search or a map of one's own came to so far."""
        with self._lock:
            source = Source(JOURNAL, self.path / JOURNAL, "journal")
            try:
                with opened(self._looks, source) as db:
                    parts = found(db, redact=self.redact)
            except UNREADABLE as error:
                parts = [Words(said(source, error), "muted")]
        return Section("found", "What it found", parts)

    def call(self, key: str) -> Section:
        """One call, by its key in hexadecimal digits."""
        with self._lock:
            return one(self._looks, sources(self.path), self._roles(), key, redact=self.redact)

    def close(self) -> None:
        """Delete what was copied to be read."""
        with self._lock:
            self._looks.close()

    def _roles(self) -> set[str]:
        return {line.role for books in self.books() for line in books.lines}

    def _books_by_name(self) -> dict[str, Books]:
        ordered = sorted(self._books.items(), key=lambda pair: (pair[0] != JOURNAL, pair[0]))
        return {name: books for name, (_, books) in ordered}

    def _main(self, source: Source, seconds: float) -> bool:
        """Read the run's own journal; whether events were counted."""
        name, path = source.name, source.path
        stamp, marked, counted = state(path), mark(path), False
        try:
            with opened(self._looks, source) as db:
                if self._books.get(name, (None, None))[0] != stamp:
                    self._books[name] = stamp, read_books(db)
                try:
                    counted = self._tally.look(db, seconds)
                    self._stuck = ""
                except UNREADABLE as error:
                    self._stuck = f"not all events can be read ({error}): those that can are here."
                self.problem = damage(path, marked, self._tally.newest)
        except UNREADABLE as error:
            self.problem = said(source, error)
        return counted

    def _shard(self, source: Source) -> None:
        name, stamp = source.name, state(source.path)
        if self._books.get(name, (None, None))[0] == stamp:
            return
        try:
            with opened(self._looks, source) as db:
                self._books[name] = stamp, read_books(db)
        except UNREADABLE:
            # Taken over and deleted meanwhile, or not whole yet: the next look knows.
            self._books.pop(name, None)


def _files(path: Path) -> list[tuple[str, int]]:
    """What the journal takes on disk: a row for each kind of file, and bytes."""
    sizes: dict[str, int] = {}
    for file in _journal_files(path):
        try:
            size = file.stat().st_size
        except OSError:
            continue  # gone meanwhile
        name = file.name if file.parent == path else f"{file.parent.name}/"
        sizes[name] = sizes.get(name, 0) + size
    return list(sizes.items())


def _journal_files(path: Path) -> Iterable[Path]:
    yield from sorted(path.glob("journal.sqlite*"))
    yield from sorted(path.glob("*.store.sqlite*"))
    yield from sorted(path.glob("journal.sqlite.shards/*"))
