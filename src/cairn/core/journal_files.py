"""The files of a journal: its high-water mark, and the repair of a damaged one."""

import json
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cairn.core import journal_check as check
from cairn.core.errors import RunError
from cairn.core.faults import point
from cairn.core.journal_rows import FORMAT, TABLES

if TYPE_CHECKING:
    from cairn.core.journal import Journal


def connect(path: Path, durable: str) -> sqlite3.Connection:
    """A connection in WAL mode with transactions begun by hand."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            db.close()
            raise RunError(
                f"the disk of {path} cannot keep a write-ahead log (SQLite answers {mode!r}), as "
                f"some network disks cannot. Put the run on a local disk."
            )
        db.execute(f"PRAGMA synchronous = {'FULL' if durable == 'power' else 'NORMAL'}")
        db.execute("PRAGMA journal_size_limit = 16777216")
        db.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: the same 16 MiB
    except sqlite3.OperationalError as error:
        db.close()
        raise RunError(
            f"cannot open {path}: {error}. Is the disk full, read-only, or a network disk? Put the "
            f"run on a local disk with room."
        ) from error
    except sqlite3.DatabaseError as error:
        db.close()
        raise RunError(
            f"{path} is not a journal, or its first page is damaged ({error}). Move it away and "
            f"start again, or restore it from a copy."
        ) from error
    return db


def check_cut(path: Path) -> None:
    """Raise RunError for a journal that is empty or gone although events were once saved in it.

    Before anything opens it: SQLite deletes the log of an empty database.
    """
    events = Head.read(path)
    if events == 0 or (path.exists() and path.stat().st_size > 0):
        return
    kept = _set_aside(path)
    kept_as = f" What was left of it is kept as {kept}." if kept is not None else ""
    raise RunError(
        f"{path} is {'gone' if kept is None else 'empty'}, but {events} events were saved in it."
        f"{kept_as} Put a copy of it back and resume; to begin anew, and pay for everything again, "
        f"delete {_beside(path, 'head')}."
    )


def has_tables(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is a journal already; False for a new or still empty file."""
    found = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if {"meta", "events", "sends"} <= found:
        _check_format(db, path)
    if found and not found.issuperset(TABLES):
        db.close()
        raise RunError(f"{path} is a database, but not a journal of cairn: choose another path.")
    return bool(found)


def _check_format(db: sqlite3.Connection, path: Path) -> None:
    row = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
    if row == (FORMAT,):
        return
    db.close()
    if row == ("1",):
        raise RunError(
            f"{path} is a journal of cairn 0.1.0 (format 1); this cairn writes format {FORMAT} and "
            f"cannot go on with it. Finish the run with cairn 0.1.0, or start a new one."
        )
    raise RunError(
        f"{path} has journal format {row and row[0]!r}; this cairn reads {FORMAT!r}. Open it with "
        f"the version of cairn that wrote it, or start a new run."
    )


def check_config(
    db: sqlite3.Connection, path: Path, config: dict, free: tuple[str, ...] = ()
) -> None:
    """Raise RunError unless the journal was started with `config`; name the fields that differ.

    Fields in `free`, and fields inside them, may differ.
    """
    _check_format(db, path)
    stored = dict(db.execute("SELECT name, value FROM meta"))
    changed = [name for name in differing(db, config) if not within(name, free)]
    if changed:
        before, now = _flat(json.loads(stored["config"])), _flat(config)
        shown = "; ".join(
            f"{name} was {before.get(name, 'absent')}, now {now.get(name, 'absent')}"
            for name in changed[:3]
        )
        more = f" (and {len(changed) - 3} more)" if len(changed) > 3 else ""
        raise RunError(
            f"{path} was started with another config: {shown}{more}. "
            f"Resume with the old config, or choose another run directory."
        )


def check_whole(db: sqlite3.Connection, path: Path, mark: int) -> None:
    """Raise RunError if a run that opens the journal for writing would have to repair it.

    `mark` is the one beside it (`Head.read`), read before `db` saw anything of the journal.
    """
    good, last = check.last_good(db).seq, _last_seq(db)
    if last is not None and max(mark, last) <= good and not _beside(path, "mend").exists():
        return
    raise RunError(
        f"the journal {path} is damaged after event {good} of {max(mark, last or 0)}. Nothing was "
        f"changed. Go on with the run, which recovers what can be read, and then read it again."
    )


def differing(db: sqlite3.Connection, config: dict) -> list[str]:
    """The fields in which `config` is not what the journal was started with, dotted."""
    (stored,) = db.execute("SELECT value FROM meta WHERE name = 'config'").fetchone()
    before, now = _flat(json.loads(stored)), _flat(config)
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def within(name: str, fields: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of `fields` or lies inside one."""
    return any(name == field or name.startswith(f"{field}.") for field in fields)


def _flat(value: object, prefix: str = "") -> dict[str, str]:
    if isinstance(value, dict) and value:
        pairs: dict[str, str] = {}
        for name, part in value.items():
            pairs |= _flat(part, f"{prefix}.{name}" if prefix else str(name))
        return pairs
    return {prefix or "config": json.dumps(value)}


def unreadable(path: Path, error: Exception, *, reading: bool = False) -> RunError:
    """The error for a page that cannot be read in mid-run; the next start will repair.

    `reading`: nothing is to be touched, so the next start has to find it by itself, and it may
    be no damage at all.
    """
    if reading:
        # A journal without a log is read without a lock, and somebody may have begun to write.
        return RunError(
            f"{path} cannot be read ({error}): it is damaged, or a run began to write to it just "
            f"now. Look again; if it stays so, resume the run, which recovers what can be read."
        )
    _beside(path, "mend").touch()
    return RunError(
        f"the journal {path} is damaged ({error}). Resume the run: it will recover what can be "
        f"read and go on from there."
    )


class Head:
    """The number of the last committed event, kept outside the database.

    SQLite drops a damaged end of its write-ahead log in silence; this mark makes it noticeable.
    """

    def __init__(self, path: Path):
        self._fd = os.open(_beside(path, "head"), os.O_RDWR | os.O_CREAT, 0o644)
        self._seq = _number(os.pread(self._fd, 12, 0))

    @staticmethod
    def read(path: Path) -> int:
        """The number beside the journal at `path`; 0 without one."""
        try:
            return _number(_beside(path, "head").read_bytes())
        except OSError:
            return 0

    def lost(self, seq: int) -> list[str]:
        """A note, if events were committed that the journal no longer has."""
        missing = self._seq - seq
        if missing <= 0:
            return []
        return [
            f"the journal's tail was damaged: recovered up to event {seq}, {missing} later "
            f"events are lost and will be made again (calls they needed may be paid twice)"
        ]

    def move_to(self, seq: int) -> None:
        """Move the mark after a commit: back, too, once the note of a loss is saved."""
        if seq != self._seq:
            mark = struct.pack("<Q", seq)
            os.pwrite(self._fd, mark + struct.pack("<I", zlib.crc32(mark)), 0)
            self._seq = seq

    def close(self) -> None:
        """Give the file descriptor back."""
        os.close(self._fd)


def _number(raw: bytes) -> int:
    if len(raw) == 12 and zlib.crc32(raw[:8]) == struct.unpack("<I", raw[8:])[0]:
        return struct.unpack("<Q", raw[:8])[0]
    return 0


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")


def mend(journal: "Journal") -> None:
    """Rebuild the journal from what can be read, if its tail or a page of it is damaged."""
    good = check.last_good(journal._db).seq
    marker = _beside(journal.path, "mend")
    last = _last_seq(journal._db)
    if last is not None and last <= good and not marker.exists():
        return
    kept = _rebuild(journal._db, journal.path, TABLES, good)
    journal.notes.append(f"the damaged journal was rebuilt; the old file is kept as {kept}")
    journal._db = connect(journal.path, journal.durable)


def mend_store(path: Path, tables: tuple[str, ...], durable: str) -> list[str]:
    """Rebuild a stage's store from what can be read, if a page of it was found damaged."""
    finish_repair(path)
    if not _beside(path, "mend").exists():
        return []
    kept = _rebuild(connect(path, durable), path, tables, 0)
    os.chmod(path, 0o600)
    return [
        f"the damaged store {path.name} was rebuilt from what can be read; the old file, which "
        f"still holds what was to be forgotten, is kept as {kept}"
    ]


def _rebuild(db: sqlite3.Connection, path: Path, tables: tuple[str, ...], good: int) -> Path | None:
    """Put what can be read in the place of a damaged file; returns where that one is kept."""
    fresh = _beside(path, "rebuilding")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT, os.stat(path).st_mode & 0o777))
    _copy(db, fresh, tables, good)
    point("journal:repair-copied")
    db.close()
    os.replace(fresh, _beside(path, "repaired"))
    kept = finish_repair(path)
    _beside(path, "mend").unlink(missing_ok=True)
    return kept


def finish_repair(path: Path) -> Path | None:
    """Put a finished rebuild in place; also completes one that a kill interrupted."""
    repaired = _beside(path, "repaired")
    if not repaired.exists():
        return None
    # `.repaired` stays until the end, so that a kill anywhere here leads back to this function.
    kept = _set_aside(path)
    os.replace(repaired, path)
    return kept


def _set_aside(path: Path) -> Path | None:
    """Move a damaged database away; returns where to, None if there was none."""
    number = 1
    while _beside(path, f"damaged-{number}").exists():
        number += 1
    kept, moved = _beside(path, f"damaged-{number}"), None
    # The log first: a database without its log must never be opened as if it were whole.
    for ending in ("-wal", "-shm", ""):
        source = path.with_name(path.name + ending)
        if source.exists():
            os.replace(source, kept.with_name(kept.name + ending))
            moved = kept
            point("journal:repair-moved")
    return moved


def _last_seq(db: sqlite3.Connection) -> int | None:
    try:
        return db.execute("SELECT COALESCE(MAX(seq), 0) FROM events").fetchone()[0]
    except sqlite3.DatabaseError:
        return None


def _copy(old: sqlite3.Connection, fresh: Path, tables: tuple[str, ...], good: int) -> None:
    """Copy the good events and snapshots, and every readable row of the other tables."""
    new = sqlite3.connect(fresh, isolation_level=None)
    new.execute("BEGIN")
    for (statement,) in old.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"):
        new.execute(statement)
    place = {"events": 0, "snapshots": 0, "stages": 1}
    for table in tables:
        for row in _readable(old, table):
            if table not in place or row[place[table]] <= good:
                marks = ", ".join("?" * len(row))
                new.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
    new.execute("COMMIT")
    new.close()


def read_until_damage(
    db: sqlite3.Connection, query: str, arguments: Mapping[str, object]
) -> tuple[list[tuple], sqlite3.DatabaseError | None]:
    """The rows before the first unreadable page, and the error met there, if any."""
    rows: list[tuple] = []
    try:
        rows.extend(db.execute(query, arguments))
    except sqlite3.DatabaseError as error:
        return rows, error
    return rows, None


def _readable(db: sqlite3.Connection, table: str) -> Iterator[tuple]:
    """Rows from the front up to the damage, then from the back up to the damage."""
    for way in ("ASC", "DESC"):
        order = f"stage {way}, trial {way}" if table == "arrived" else f"rowid {way}"
        try:
            yield from db.execute(f"SELECT * FROM {table} ORDER BY {order}")
            return
        except sqlite3.DatabaseError:
            continue
