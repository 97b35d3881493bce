"""Looking at a journal without touching it: no lock, no repair, no byte written."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from cairn.core.errors import RunError

TRIES = 5
"""Of a copy, while somebody writes."""
NO_INDEX = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
"""What SQLite answers, a family each, where a log has no index beside it and none can be made."""


def nothing() -> None:
    """What is to be cleaned up after most looks."""


def open_to_read(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """A connection that cannot write, and what to call when it is closed.

    The folder may be read-only. With a write-ahead log beside it, the journal is read with the
    log's index as it is: that of a run which is writing, or, if a dead process left the log, one
    that SQLite makes in memory. Only a log whose index is gone is read from a copy, since SQLite
    would have to write a new one; then the clean-up is not `nothing`.
    """
    if not path.is_file():
        raise RunError(f"{path} does not exist: there is no journal to read.")
    if not _beside(path, "-wal").exists():
        return _connect(path, "mode=ro&immutable=1"), nothing
    try:
        # The index is shared memory: without `readonly_shm` a reader writes its mark into it.
        return _connect(path, "mode=ro&readonly_shm=1"), nothing
    except RunError as error:
        code = getattr(error.__cause__, "sqlite_errorcode", 0)
        if code & 0xFF not in NO_INDEX:
            raise
    if not _size(_beside(path, "-wal")):
        return _connect(path, "mode=ro&immutable=1"), nothing
    return _copied(path)


def state(path: Path) -> tuple[tuple[int, int, int], ...]:
    """What changes whenever something is written to the database at `path` or to its log."""
    return tuple(_stamp(file) for file in (path, _beside(path, "-wal")))


def _copied(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    folder = Path(tempfile.mkdtemp(prefix="cairn-journal-"))

    def clean() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    try:
        for _ in range(TRIES):
            before = state(path)
            for source in (path, _beside(path, "-wal")):
                shutil.copyfile(source, folder / source.name)
            if state(path) == before:
                return _connect(folder / path.name, "mode=rw"), clean
        raise RunError(f"{path} is being written to: look again.")
    except OSError as error:
        clean()
        raise RunError(f"{path} cannot be copied to be read: {error.strerror}.") from error
    except BaseException:
        clean()
        raise


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns


def _size(path: Path) -> int:
    return _stamp(path)[1]


def _connect(path: Path, options: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?{options}"
    db = None
    try:
        db = sqlite3.connect(uri, uri=True, isolation_level=None)
        db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if db is not None:
            db.close()
        raise RunError(
            f"{path} cannot be read as a journal ({error}). Go on with the run first, which "
            f"repairs what can be repaired, or restore it from a copy."
        ) from error
    return db
