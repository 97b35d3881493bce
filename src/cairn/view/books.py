"""What a journaled run spent and how far it is: a look at its journal that costs no more than that.

Nothing is locked, repaired or written. A journal that a run is writing to is read beside it. Of one
that was left in mid-write the log is read from a copy, if it is small; otherwise without it.
"""

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

JOURNAL = "journal.sqlite"
SMALL = 32 * 2**20
"""Bytes of a journal and its log that may be copied to be looked at."""


class Books(NamedTuple):
    """What stands in a journal."""

    calls: int
    tokens: int
    micros: int
    """Money, in millionths of the currency unit."""
    told: int | None
    """Trials of a search with an outcome; None where there is no search."""
    share: float | None
    """Of the shards of a map that are finished; None where there is no map, or not yet."""
    done: bool
    """Whether a map has nothing left to do: its sink is written, or it has none."""
    problem: str


NOTHING = Books(0, 0, 0, None, None, False, "")


def look(folder: Path, *, running: bool) -> Books:
    """The books of the journaled run in `folder`."""
    path = folder / JOURNAL
    if path.is_symlink() or not path.is_file():
        return NOTHING._replace(problem=f"{JOURNAL} is missing.")
    if path.stat().st_size == 0:
        return NOTHING  # just begun
    try:
        with _opened(path, running) as db:
            return _read(db)
    except (sqlite3.Error, OSError, ValueError, LookupError, TypeError) as error:
        return NOTHING._replace(problem=f"{JOURNAL} cannot be read: {error}.")


def _read(db: sqlite3.Connection) -> Books:
    sums = "SUM(calls), SUM(tokens), SUM(micros)"
    row = db.execute(f"SELECT {sums} FROM spent WHERE outcome != 'lost'").fetchone()
    stages = {name for (name,) in db.execute("SELECT name FROM stages")}
    newest = "SELECT {what} FROM events WHERE stage = ? {where} ORDER BY seq DESC LIMIT 1"
    told, share, done = None, None, False
    if "search" in stages:
        # Asks and tells alternate: the newest ask is near the end of the stage.
        (number,) = db.execute(newest.format(what="number", where=""), ("search",)).fetchone()
        asked = newest.format(what="trial", where="AND kind = 'ask'")
        (trial,) = db.execute(asked, ("search",)).fetchone() or (-1,)
        told = number - (trial + 1)
    if "map" in stages:
        (last,) = db.execute(newest.format(what="kind", where=""), ("map",)).fetchone()
        share = _share(db)
        # With a sink `sealed` and `joined` follow the last shard; without one nothing does.
        done = last == "joined" or (last == "shard" and share == 1.0)
    calls, tokens, micros = (value or 0 for value in row)
    return Books(calls, tokens, micros, told, share, done, "")


def _share(db: sqlite3.Connection) -> float | None:
    of = "FROM events WHERE stage = 'map' AND kind"
    source = db.execute(f"SELECT body {of} = 'source' ORDER BY seq DESC LIMIT 1").fetchone()
    if source is None:
        return None
    survey = json.loads(source[0])
    shards = -(-survey["items"] // survey["shard"])
    (found,) = db.execute(f"SELECT COUNT(DISTINCT trial) {of} = 'shard'").fetchone()
    return min(found / shards, 1.0) if shards else 1.0


@contextmanager
def _opened(path: Path, running: bool) -> Iterator[sqlite3.Connection]:
    log = path.with_name(f"{path.name}-wal")
    logged = log.stat().st_size if log.is_file() else 0
    if running and logged:
        with closing(_connect(path, "mode=ro")) as db:
            yield db
        return
    if not logged or logged + path.stat().st_size > SMALL:
        with closing(_connect(path, "mode=ro&immutable=1")) as db:
            yield db
        return
    with tempfile.TemporaryDirectory(prefix="cairn-view-") as folder:
        for source in (path, log):
            shutil.copyfile(source, Path(folder) / source.name)
        with closing(_connect(Path(folder) / path.name, "mode=rw")) as db:
            yield db


def _connect(path: Path, options: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?{options}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0.2)
