"""Looking at a journal without touching it: no lock of its own, no repair, no byte written."""

import fcntl
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from cairn.core.errors import RunError


def open_to_read(path: Path) -> tuple[sqlite3.Connection, Callable[[], None]]:
    """A connection that cannot write, and what to call when it is closed.

    The folder may be read-only. A journal that a run is writing to is read beside it; what a dead
    process left in the write-ahead log is read from a copy, since SQLite would write to merge it.
    """
    if not path.is_file():
        raise RunError(f"{path} does not exist: there is no journal to read.")
    log = path.with_name(path.name + "-wal")
    nothing = lambda: None  # noqa: E731
    if not log.exists() or log.stat().st_size == 0:
        return _connect(path, "mode=ro&immutable=1"), nothing
    with _no_writer(path) as alone:
        if not alone:
            return _connect(path, "mode=ro"), nothing
        folder = Path(tempfile.mkdtemp(prefix="cairn-journal-"))
        clean = lambda: shutil.rmtree(folder, ignore_errors=True)  # noqa: E731
        try:
            for source in (path, log):
                shutil.copyfile(source, folder / source.name)
            return _connect(folder / path.name, "mode=rw"), clean
        except BaseException:
            clean()
            raise


class _no_writer:  # noqa: N801 (a context that reads as a claim)
    """Whether no process writes; keeps it so inside the context."""

    def __init__(self, path: Path):
        self._path = path.with_name(path.name + ".lock")

    def __enter__(self) -> bool:
        try:
            self._file = open(self._path, "rb")
        except OSError:
            self._file = None
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _connect(path: Path, options: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?{options}"
    try:
        db = sqlite3.connect(uri, uri=True, isolation_level=None)
        db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        raise RunError(
            f"{path} cannot be read as a journal ({error}). Go on with the run first, which "
            f"repairs what can be repaired, or restore it from a copy."
        ) from error
    return db
