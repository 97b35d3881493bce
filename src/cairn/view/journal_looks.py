"""The databases of a run, looked at while others write: nothing is locked, and no byte written.

A connection is open for one look only. As long as a reader has a journal open, the run that ends
cannot clear its log away, and what a private stage forgets cannot be cut from its log.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from cairn.core.errors import RunError
from cairn.core.journal_files import Head, has_tables
from cairn.core.journal_read import nothing, open_to_read, state
from cairn.runs.directory import JOURNAL

Stamp: TypeAlias = tuple[tuple[int, int, int], ...]
UNREADABLE = (RunError, sqlite3.DatabaseError, TypeError, ValueError, AttributeError)
"""What may come of reading a database that is damaged, or that somebody made up: an unreadable
page, or a value of another type than its column has."""


class Source(NamedTuple):
    """A database in which a run keeps what it was told."""

    name: str
    """Its file's, in the run: "journal.sqlite", "journal.sqlite.shards/map-000003.sqlite"."""
    path: Path
    kind: Literal["journal", "shard", "store"]


def sources(run: Path) -> list[Source]:
    """The run's journal, those of workers in other processes, and the stores of its stages."""
    found = [Source(JOURNAL, run / JOURNAL, "journal")]
    folder = run / f"{JOURNAL}.shards"
    found += [
        Source(f"{folder.name}/{path.name}", path, "shard")
        for path in sorted(folder.glob("*.sqlite"))
    ]
    stores = sorted(run.glob("*.store.sqlite"))
    return [*found, *(Source(path.name, path, "store") for path in stores)]


class Looks:
    """Connections to databases, each for as long as one look.

    Where SQLite cannot read a log beside its database, both are copied, once for every state they
    are in. Looks from several threads must not come at once.
    """

    def __init__(self) -> None:
        self._copies: dict[Path, tuple[Stamp, Path, Callable[[], None]]] = {}

    @contextmanager
    def at(self, path: Path) -> Iterator[sqlite3.Connection]:
        """A connection that cannot write. Raises RunError for what is no database or gone."""
        if path.is_symlink():
            raise RunError(f"{path.name} is a link, which is not followed.")
        kept = self._copies.get(path)
        now = state(path)
        if kept is not None and kept[0] != now:
            self._drop(path)
            kept = None
        db, clean = open_to_read(path if kept is None else kept[1])
        try:
            if clean is not nothing:
                copy = Path(db.execute("PRAGMA database_list").fetchone()[2])
                self._copies[path] = (now, copy, clean)
            yield db
        finally:
            db.close()

    def close(self) -> None:
        """Delete the copies."""
        for path in list(self._copies):
            self._drop(path)

    def _drop(self, path: Path) -> None:
        _, _, clean = self._copies.pop(path)
        clean()

    def __del__(self) -> None:
        self.close()


@contextmanager
def opened(looks: Looks, source: Source) -> Iterator[sqlite3.Connection]:
    """A look at a source. Raises RunError for what is none of its kind."""
    with looks.at(source.path) as db:
        if source.kind != "store":
            check(db, source.path)
        yield db


def said(source: Source, error: Exception) -> str:
    """What kept a source from being read, in a line."""
    return str(error) if isinstance(error, RunError) else f"{source.name} cannot be read ({error})."


def check(db: sqlite3.Connection, path: Path) -> None:
    """Raise RunError, in a line, for a journal that is empty, of another format, or none."""
    if not has_tables(db, path):
        raise RunError(f"{path.name} is empty: nothing was written to it yet.")


def damage(path: Path, marked: int, last: int) -> str:
    """What is known to be damaged about a journal, in a line; empty if nothing is.

    `marked` is the mark beside it (`Head.read`), read before `last`, its last event.
    """
    if marked > last:
        return (
            f"{path.name} is damaged after event {last:,} of {marked:,}: the run recovers what can "
            f"be read when it goes on. What follows is what can be read now."
        )
    for ending in ("mend", "repaired"):
        if path.with_name(f"{path.name}.{ending}").exists():
            return (
                f"{path.name} was found damaged and is repaired when the run goes on. What follows "
                f"is what can be read now."
            )
    return ""


def mark(path: Path) -> int:
    """The number of the last event that was saved, as the file beside the journal has it."""
    return Head.read(path)
