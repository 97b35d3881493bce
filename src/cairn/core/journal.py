"""An append-only journal of a run in one SQLite file: events, answers, intents, snapshots.

- **events** are numbered from 1; each carries a digest chained to the one before it, so that a
  damaged tail is noticed and the last digest names the whole history.
- **answers** are the replies of models, by request key: what is in here is never asked again.
- **sends** are intents, written before a request leaves and settled after it: the books.
- **arrived** holds outcomes of trials that wait for their turn to become events.
- **snapshots** are states after some event; the two newest are kept.

Writes gather in one transaction until `commit()`, or `await saved()`, which shares a commit among
all coroutines of the same turn of the loop. What one turn writes is saved whole or not at all.
"""

import asyncio
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from cairn.core import journal_files as files
from cairn.core.budget import Amount
from cairn.core.errors import RunError
from cairn.core.faults import point
from cairn.core.redact import encodable

FORMAT = "1"
SCHEMA = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE events(seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, trial INTEGER NOT NULL,
    body TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE snapshots(seq INTEGER PRIMARY KEY, body BLOB NOT NULL, chain BLOB NOT NULL,
    digest BLOB NOT NULL);
CREATE TABLE answers(key BLOB PRIMARY KEY, label TEXT NOT NULL, body TEXT NOT NULL,
    digest BLOB NOT NULL);
CREATE TABLE arrived(trial INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL,
    digest BLOB NOT NULL);
CREATE TABLE sends(id INTEGER PRIMARY KEY, key BLOB NOT NULL, scope TEXT NOT NULL,
    outcome TEXT, calls INTEGER NOT NULL, tokens INTEGER NOT NULL, micros INTEGER NOT NULL);
CREATE TABLE sessions(id INTEGER PRIMARY KEY, started REAL NOT NULL, seconds REAL NOT NULL);
"""
START = bytes(16)

Outcome = Literal["answered", "refused", "lost", "killed"]
"""Of a send: a reply came; surely not charged; reply lost; in flight when the process died."""


class Event(NamedTuple):
    """One thing that happened."""

    seq: int
    kind: str
    trial: int
    body: str
    digest: bytes


class Spending(NamedTuple):
    """What the sends of one budget path add up to."""

    scope: str
    spent: Amount
    kept: Amount
    maybe_twice: int


def digest_of(*parts: object) -> bytes:
    """16 bytes over the parts' representations."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def chained(before: bytes, seq: int, kind: str, trial: int, body: str) -> bytes:
    """The digest of an event whose predecessor has digest `before`."""
    head = f"{seq}|{kind}|{trial}|".encode()
    return hashlib.blake2b(head + body.encode(), key=before, digest_size=16).digest()


class Journal:
    """A run's journal, open for writing and locked against every other process."""

    def __init__(
        self,
        path: Path | str,
        *,
        config: Mapping,
        free: tuple[str, ...] = (),
        redact: Callable[[str], str] = str,
        durable: Literal["process", "power"] = "process",
    ):
        """Open the journal at `path`, or start one.

        Args:
            path: the file; a lock (`.lock`) and a high-water mark (`.head`) lie beside it.
            config: JSON-able; a journal that was started with another one is refused.
            free: dotted names of fields of `config` that may change all the same.
            redact: applied to every text before it is written.
            durable: what a commit survives: the death of the process, or a power cut as well
                (an fsync per commit, some milliseconds).

        Raises RunError for a journal of another config, in use, or damaged beyond recovery.
        """
        self.path = Path(path)
        self.redact = redact
        self.durable = durable
        self.notes: list[str] = []
        """What recovery did, one line each; empty after a clean start."""
        self._broken: RunError | None = None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = files.lock(self.path.with_name(self.path.name + ".lock"))
        try:
            self._open(config, free)
        except BaseException:
            self._lock.close()
            raise

    def _open(self, config: Mapping, free: tuple[str, ...]) -> None:
        files.finish_repair(self.path)
        self._db = files.connect(self.path, self.durable)
        if not files.has_tables(self._db, self.path):
            self._create(config)
        plain = json.loads(self.redact(canonical(config)))
        files.check_config(self._db, self.path, plain, free)
        files.mend(self)
        self._head = files.Head(self.path)
        self._last = self.last_good()
        self.notes += self._head.lost(self._last.seq)
        self._waiter: asyncio.Future[None] | None = None
        self._begin()
        # Whatever was in flight when an earlier process died may have been paid.
        self._db.execute("UPDATE sends SET outcome = 'killed' WHERE outcome IS NULL")
        row = self._db.execute("SELECT COALESCE(SUM(seconds), 0) FROM sessions").fetchone()
        self.earlier_s: float = row[0]
        self._opened = time.monotonic()
        new = "INSERT INTO sessions(started, seconds) VALUES (?, 0)"
        self._session_id = self._db.execute(new, (time.time(),)).lastrowid
        self.commit()

    def _create(self, config: Mapping) -> None:
        point("journal:create")
        self._db.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA.split(";"):
            self._db.execute(statement)
        meta = {"format": FORMAT, "config": self.redact(canonical(config))}
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        point("journal:create-commit")
        self._db.execute("COMMIT")

    # --- events

    @property
    def seq(self) -> int:
        """The number of events so far."""
        return self._last.seq

    @property
    def chain(self) -> bytes:
        """The digest of the last event: it names the whole history."""
        return self._last.digest

    def append(self, kind: str, trial: int, body: str) -> str:
        """Add an event; returns the body as written (redacted)."""
        body = self._clean(body)
        seq = self._last.seq + 1
        digest = chained(self._last.digest, seq, kind, trial, body)
        event = Event(seq, kind, trial, body, digest)
        self._write("INSERT INTO events VALUES (?, ?, ?, ?, ?)", event)
        self._last = event
        return body

    def events(self, after: int = 0) -> Iterator[Event]:
        """Events with `seq > after`, in order, a bounded number of them in memory."""
        query = "SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT 1000"
        while True:
            rows, damage = files.read_until_damage(self._db, query, (after,))
            yield from map(Event._make, rows)
            if damage is not None:
                raise damage
            if not rows:
                return
            after = rows[-1][0]

    def last_good(self) -> Event:
        """The last event up to which the chain of digests holds, from the newest snapshot on."""
        shot = self.snapshot()
        last = Event(shot[0], "", 0, "", shot[1]) if shot else Event(0, "", 0, "", START)
        try:
            for event in self.events(after=last.seq):
                expected = chained(last.digest, last.seq + 1, event.kind, event.trial, event.body)
                if event.seq != last.seq + 1 or event.digest != expected:
                    break
                last = event
        except (sqlite3.DatabaseError, TypeError, AttributeError):
            pass  # an unreadable page, or a value of the wrong type in one: the chain ends here
        return last

    # --- snapshots

    def save_snapshot(self, body: bytes) -> None:
        """Keep `body` as the state after the last event, and drop all but the two newest."""
        point("journal:snapshot")
        digest = digest_of(self.seq, body, self.chain)
        self._write(
            "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)",
            (self.seq, body, self.chain, digest),
        )
        self._write(
            "DELETE FROM snapshots WHERE seq NOT IN "
            "(SELECT seq FROM snapshots ORDER BY seq DESC LIMIT 2)",
            (),
        )
        point("journal:snapshot-commit")

    def snapshot(self) -> tuple[int, bytes, bytes] | None:
        """The newest sound snapshot: (events before it, chain digest there, body)."""
        try:
            rows = self._db.execute("SELECT * FROM snapshots ORDER BY seq DESC").fetchall()
        except sqlite3.DatabaseError:
            return None
        for seq, body, chain, digest in rows:
            if digest == digest_of(seq, body, chain):
                return seq, chain, body
        return None

    # --- answers, and the books

    def answer(self, key: bytes) -> str | None:
        """The stored answer to the request with this key, if there is one."""
        query = "SELECT body, digest FROM answers WHERE key = ?"
        try:
            row = self._db.execute(query, (key,)).fetchone()
        except sqlite3.DatabaseError as error:
            raise files.unreadable(self.path, error) from error
        if row is None or row[1] != digest_of(key, row[0]):
            return None
        return row[0]

    def store_answer(self, key: bytes, label: str, body: str) -> str:
        """Keep an answer for good; returns it as written (redacted)."""
        body = self._clean(body)
        self._write(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
            (key, label, body, digest_of(key, body)),
        )
        return body

    def intend(self, key: bytes, scope: str, reserved: Amount) -> int:
        """Note that a request is about to leave; returns the number of the send."""
        cursor = self._write(
            "INSERT INTO sends(key, scope, calls, tokens, micros) VALUES (?, ?, ?, ?, ?)",
            (key, scope, *reserved),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def settle(self, send: int, outcome: Outcome, actual: Amount | None) -> None:
        """Note how a send ended; `actual` None keeps what was reserved."""
        self._write("UPDATE sends SET outcome = ? WHERE id = ?", (outcome, send))
        if actual is not None:
            self._write(
                "UPDATE sends SET calls = ?, tokens = ?, micros = ? WHERE id = ?", (*actual, send)
            )

    def spending(self) -> list[Spending]:
        """The books, by budget path: one pass over all sends."""
        query = (
            "SELECT scope, COALESCE(outcome, 'lost') IN ('lost', 'killed'), COUNT(*), "
            "SUM(calls), SUM(tokens), SUM(micros) FROM sends GROUP BY 1, 2 ORDER BY 1, 2"
        )
        rows = []
        for scope, unknown, count, calls, tokens, micros in self._db.execute(query):
            used = Amount(calls, tokens, micros)
            spent, kept = (Amount(), used) if unknown else (used, Amount())
            rows.append(Spending(scope, spent, kept, count if unknown else 0))
        return rows

    # --- outcomes that wait for their turn

    def arrive(self, trial: int, kind: str, body: str) -> str:
        """Keep the outcome of a trial until it is told; returns the body as written."""
        body = self._clean(body)
        self._write(
            "INSERT OR REPLACE INTO arrived VALUES (?, ?, ?, ?)",
            (trial, kind, body, digest_of(trial, kind, body)),
        )
        return body

    def arrived(self) -> dict[int, tuple[str, str]]:
        """Outcomes that wait: trial id to (kind, body). At most as many as the window is wide."""
        rows = self._db.execute("SELECT * FROM arrived").fetchall()
        return {
            trial: (kind, body)
            for trial, kind, body, digest in rows
            if digest == digest_of(trial, kind, body)
        }

    def depart(self, trial: int) -> None:
        """Drop a waiting outcome: it is an event now."""
        self._write("DELETE FROM arrived WHERE trial = ?", (trial,))

    # --- transactions

    def commit(self) -> None:
        """Save everything written since the last commit."""
        if self._broken is not None:
            raise self._broken
        if not self._db.in_transaction:
            return
        self._db.execute(
            "UPDATE sessions SET seconds = ? WHERE id = ?",
            (time.monotonic() - self._opened, self._session_id),
        )
        point("journal:commit")
        try:
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise self._unwritable(error) from error
        point("journal:committed")
        self._head.raise_to(self.seq)

    def saved(self) -> asyncio.Future[None]:
        """Await this to know that everything written so far is saved (a shared commit)."""
        # Shielded: one waiter that is cancelled must not cancel the commit of the others.
        return asyncio.shield(self.save_soon())

    def save_soon(self) -> asyncio.Future[None]:
        """Commit at the end of this turn of the loop, without waiting for it."""
        if self._waiter is None:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            loop.call_soon(self._commit_for_waiters)
        return self._waiter

    def _commit_for_waiters(self) -> None:
        waiter, self._waiter = self._waiter, None
        assert waiter is not None
        try:
            self.commit()
        except Exception as error:
            waiter.set_exception(error)
        else:
            waiter.set_result(None)

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _write(self, statement: str, values: tuple) -> sqlite3.Cursor:
        """One statement of the transaction that the next commit saves."""
        if self._broken is not None:
            raise self._broken
        try:
            self._begin()
            return self._db.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: sqlite3.OperationalError) -> RunError:
        # SQLite may have rolled back: whatever came after would leave a gap in the events.
        self._broken = RunError(
            f"cannot write to the journal {self.path}: {error}. What was saved before is safe; "
            f"make room and resume."
        )
        return self._broken

    def _clean(self, text: str) -> str:
        return encodable(self.redact(text))

    def close(self) -> None:
        """Save, and let other processes have the journal."""
        if self._lock.closed:
            return
        try:
            if self._broken is None:
                self.commit()
            self._db.close()
            self._head.close()
        finally:
            self._lock.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )
