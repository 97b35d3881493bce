"""An append-only journal of a run in one SQLite file: events, answers, intents, snapshots.

- **events** are numbered from 1 and belong to a stage of the run (`Journal.stage`); each carries
  the chain of its stage and a digest chained to the event before it, so that a damaged tail is
  noticed and the last digest names the whole history.
- **answers** are what was paid for, by request key: what is in here is never bought again. They
  belong to a scope ("stage" or "stage/name"), which can be forgotten as a whole.
- **sends** are intents, written before a request leaves and dropped when it is settled. What it
  used is added to the **spent** row of its stage, role and outcome: the books.
- **arrived** holds outcomes of trials that wait for their turn to become events.
- **snapshots** are states of a stage after some event; the two newest are kept.

Writes gather in memory until `commit()`, or `await saved()`, which shares a commit among all
coroutines of the same turn of the loop. What one turn writes is saved whole or not at all.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from cairn.core import journal_check as check
from cairn.core import journal_files as files
from cairn.core import locks, shards
from cairn.core.budget import Amount
from cairn.core.errors import ConfigError, RunError
from cairn.core.faults import point
from cairn.core.files import writing
from cairn.core.journal_answers import SCHEMA as ANSWERS
from cairn.core.journal_answers import Answers, forget
from cairn.core.journal_books import Books
from cairn.core.journal_pending import MANY, Pending
from cairn.core.journal_read import open_to_read
from cairn.core.journal_rows import (
    FORMAT,
    SCHEMA,
    START,
    Event,
    Outcome,
    Spending,
    canonical,
    chained,
    digest_of,
)
from cairn.core.journal_stage import Stage
from cairn.core.journal_store import CHORE as FORGET
from cairn.core.journal_store import Store, path_of
from cairn.core.redact import encodable

__all__ = [
    "START",
    "Amount",
    "Event",
    "Journal",
    "Outcome",
    "Spending",
    "Stage",
    "canonical",
    "chained",
    "digest_of",
]


NOTE = "note"
"""Kind of chore: what recovery did has to be told."""
TIME_S = 0.25
"""How much of the running time a kill may lose."""


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

        Raises RunError for a journal of another format or config, in use, or damaged beyond
        recovery.
        """
        self._prepare(path, redact, durable, reading=False)
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = locks.lock(self.path.with_name(self.path.name + ".lock"))
        try:
            self._open(config, free)
        except BaseException:
            self._lock.close()
            raise

    @classmethod
    def read(
        cls,
        path: Path | str,
        *,
        config: Mapping | None = None,
        free: tuple[str, ...] = (),
        redact: Callable[[str], str] = str,
    ) -> "Journal":
        """A journal as it stands now, to look at: in a read-only folder, or beside a run.

        Nothing is locked, repaired or written, and every method that would write raises RunError.
        `config` None: whatever the journal was started with. Raises RunError for a journal that
        is missing, damaged, or of another format or config.
        """
        journal = cls.__new__(cls)
        journal._prepare(path, redact, "process", reading=True)
        journal._db, journal._clean_up = open_to_read(journal.path)
        try:
            journal._look(config, free)
        except BaseException:
            journal.close()
            raise
        return journal

    def _prepare(
        self,
        path: Path | str,
        redact: Callable[[str], str],
        durable: Literal["process", "power"],
        *,
        reading: bool,
    ) -> None:
        self.path = Path(path)
        self.redact = redact
        self.durable: Literal["process", "power"] = durable
        self.notes: list[str] = []
        """What recovery did, one line each; empty after a clean start."""
        self._broken: RunError | None = None
        self._answers = Answers(self.path, reading=reading)
        self._stores: dict[str, Store] = {}
        self._lock: locks.Lock | None = None
        self._clean_up: Callable[[], None] = lambda: None
        self._stages: dict[str, Stage] = {}
        self._waiters: list[asyncio.Future[None]] = []
        self._soon = False
        self._has_chores = False
        self._opened = time.monotonic()

    def _look(self, config: Mapping | None, free: tuple[str, ...]) -> None:
        # The mark first, then all of the journal as it stands at one moment: a run may go on
        # writing, and what it adds between two of our questions must not look like damage.
        mark = files.Head.read(self.path)
        self._db.execute("BEGIN")
        if not files.has_tables(self._db, self.path):
            raise RunError(f"{self.path} is empty: there is nothing to read yet.")
        if config is not None:
            plain = json.loads(self.redact(canonical(config)))
            files.check_config(self._db, self.path, plain, free)
        files.check_whole(self._db, self.path, mark)
        self._load()
        self._broken = RunError(f"{self.path} was opened to be read: nothing can be written to it.")

    def _open(self, config: Mapping, free: tuple[str, ...]) -> None:
        files.finish_repair(self.path)
        files.check_cut(self.path)
        self._db = files.connect(self.path, self.durable)
        if not files.has_tables(self._db, self.path):
            self._create(config)
        plain = json.loads(self.redact(canonical(config)))
        files.check_config(self._db, self.path, plain, free)
        files.mend(self)
        self._head = files.Head(self.path)
        self._load()
        self._keep_notes(self._head.lost(self.seq))
        self._has_chores = True
        new = "INSERT INTO sessions(started, seconds) VALUES (?, 0)"
        self._session_id = self.write(new, (time.time(),)).lastrowid
        self.commit()

    def _keep_notes(self, new: list[str]) -> None:
        """Note what was lost, and what a session that was killed had noted of it.

        The commit that saves the notes moves the mark back, after which the loss can no longer be
        noticed: they stay until a session has come to its end with them.
        """
        for note in (*new, *self.chores(NOTE)):
            if note not in self.notes:
                self.notes.append(note)
        for note in self.notes:
            self.chore(NOTE, note)

    def _create(self, config: Mapping) -> None:
        point("journal:create")
        self._db.execute("BEGIN IMMEDIATE")
        for statement in (SCHEMA + ANSWERS).split(";"):
            self._db.execute(statement)
        meta = {"format": FORMAT, "config": self.redact(canonical(config))}
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        point("journal:create-commit")
        self._db.execute("COMMIT")

    def _load(self) -> None:
        """Where the stages stand, and the books."""
        tail = check.last_good(self._db)
        self._seq, self._chain, self._marks = tail.seq, tail.digest, tail.stages
        row = self._db.execute("SELECT COALESCE(SUM(seconds), 0) FROM sessions").fetchone()
        self.earlier_s: float = row[0]
        """Running time of earlier sessions."""
        self._saved_s = float("-inf")
        self.pending = Pending()
        self.books = Books(self._db, self.pending)
        waiting = self._db.execute("SELECT stage, trial FROM arrived").fetchall()
        self.pending.written.update(waiting)

    # --- events, by stage

    def stage(self, name: str, *, store: bool = False) -> Stage:
        """The part of the journal that belongs to a stage of the run.

        With `store`, its answers and payloads are kept in a file of their own, from which what is
        forgotten is gone for good; ask for it before the stage's first answer, in every session.
        """
        if name not in self._stages:
            self._stages[name] = Stage(self, name, self._marks.get(name, check.Mark()))
        if store and name not in self._stores:
            self._open_store(name)
        return self._stages[name]

    def _open_store(self, stage: str) -> None:
        path = path_of(self.path, stage)
        if self._lock is None and not path.exists():
            return  # only read: there is nothing in it
        try:
            self._stores[stage] = opened = Store(path, self.durable, reading=self._lock is None)
        except sqlite3.DatabaseError as error:
            raise self._unwritable(error) from error
        self.notes += opened.notes
        self._do_chores()

    @property
    def seq(self) -> int:
        """The number of events so far, over all stages."""
        return self._seq

    @property
    def chain(self) -> bytes:
        """The digest of the last event: it names the whole history."""
        return self._chain

    def chain_at(self, seq: int) -> bytes:
        """The digest of the history up to event `seq`."""
        if seq == self._seq:
            return self._chain
        self.flush()
        row = self._db.execute("SELECT digest FROM events WHERE seq = ?", (seq,)).fetchone()
        return START if row is None else row[0]

    def add(self, event: Event) -> None:
        """Take in an event that a stage made."""
        if self._broken is not None:
            raise self._as_broken()
        if event.number == 1:
            self.pending.stages.append((event.stage, event.seq))
        self.pending.events.append(event)
        self._seq, self._chain = event.seq, event.digest
        if len(self.pending.events) > MANY:
            self.flush()

    def events(self, after: int = 0, stage: str | None = None) -> Iterator[Event]:
        """Events with `seq > after`, in order, a bounded number of them in memory."""
        self.flush()
        among = "" if stage is None else "stage = :stage AND "
        query = f"SELECT * FROM events WHERE {among}seq > :after ORDER BY seq LIMIT 1000"
        while True:
            values = {"after": after, "stage": stage}
            rows, damage = files.read_until_damage(self._db, query, values)
            yield from map(Event._make, rows)
            if damage is not None:
                raise files.unreadable(self.path, damage, reading=self._lock is None) from damage
            if not rows:
                return
            after = rows[-1][0]

    def shots(self, stage: str) -> Iterator[check.Shot]:
        """The sound snapshots of a stage, newest first."""
        self.flush()
        return check.shots(self._db, stage)

    def arrived(self, stage: str) -> dict[int, tuple[str, str]]:
        """`Stage.arrived`."""
        self.flush()
        rows = self._db.execute("SELECT * FROM arrived WHERE stage = ?", (stage,)).fetchall()
        return {
            trial: (kind, body)
            for _, trial, kind, body, digest in rows
            if digest == digest_of(trial, kind, body)
        }

    # --- answers, and the books

    def answer(self, key: bytes, scope: str = "") -> str | None:
        """The stored answer with this key, if there is one; `scope` says in which store to look."""
        store = self._stores.get(scope.partition("/")[0]) if self._stores else None
        if store is not None:
            return store.answers.get(store.db, key)
        return self._answers.get(self._db, key)

    def answers(self) -> Iterator[tuple[bytes, str, str, str]]:
        """Every sound answer outside the stages' stores: key, scope, label and body."""
        self.flush()
        return self._answers.all(self._db)

    def store_answer(self, key: bytes, label: str, body: str, scope: str = "") -> str:
        """Keep an answer until its scope is forgotten; returns it as written (redacted)."""
        if self._broken is not None:
            raise self._as_broken()
        body = self.clean(body)
        store = self._stores.get(scope.partition("/")[0]) if self._stores else None
        answers = self._answers if store is None else store.answers
        answers.put(key, scope, label, body)
        return body

    def forget(self, scope: str) -> None:
        """Drop all answers and payloads of a scope and of the scopes inside it.

        Do it in the turn in which the event is written that makes them superfluous: both are
        saved together or not at all. From a store they go right after that commit, from all its
        files; if the process dies in between, when the stage is opened next.
        """
        if scope.partition("/")[0] in self._stores:
            self.chore(FORGET, scope)
            return
        self._begin()
        try:
            forget(self._db, "answers", scope)
        except sqlite3.DatabaseError as error:
            raise self._unwritable(error) from error

    def put(self, stage: str, scope: str, name: str, body: bytes) -> None:
        """`Stage.put`."""
        self.check()
        if stage not in self._stores:
            raise ConfigError(f"stage {stage!r} has no store: open it with store=True first.")
        self._stores[stage].payloads[scope, name] = body

    def payload(self, stage: str, scope: str, name: str) -> bytes | None:
        """`Stage.payload`."""
        store = self._stores.get(stage)
        return None if store is None else store.payload(scope, name)

    def intend(self, key: bytes, stage: str, role: str, reserved: Amount) -> int:
        """Note that a request is about to leave; returns the number of the send."""
        if self._broken is not None:
            raise self._as_broken()
        return self.books.intend(key, stage, role, reserved)

    def settle(self, send: int, outcome: Outcome, actual: Amount | None) -> None:
        """Note how a send ended; `actual` None keeps what was reserved."""
        if self._broken is not None:
            raise self._as_broken()
        self.books.settle(send, outcome, actual)

    def spending(self) -> list[Spending]:
        """The books: a line per stage and role. Sends that are still open count as kept."""
        return self.books.spending()

    # --- shards: journals of workers in other processes

    def shard(self, stage: str, number: int) -> Path:
        """Where a worker keeps the journal of a shard: it opens it as a journal of its own."""
        return shards.path(self.path, stage, number)

    def left_shards(self, stage: str) -> dict[int, list[Spending]]:
        """Shards that were begun and not taken over, with their books (of lost workers, mostly).

        What was in flight there counts as kept. Raises RunError if one cannot be read.
        """
        books = {}
        for number, path in shards.left(self.path, stage).items():
            with Journal.read(path) as shard:
                books[number] = shard.spending()
        return books

    def take(self, stage: str, number: int) -> list[Spending]:
        """Take what a finished shard spent into the books, and delete its journal once that is
        saved. Do it in the turn in which the shard's event is written; returns what it spent.
        """
        path = self.shard(stage, number)
        with Journal.read(path) as shard:
            for (_, role, outcome), (count, *sums) in shard.books.sums.items():
                self.books.add(stage, role, outcome, Amount(*sums), count)
            spending = shard.spending()
        self.chore(shards.CHORE, path.name)
        return spending

    # --- what is to be done after a commit, and by the next session if this one dies before

    def chore(self, kind: str, what: str) -> None:
        """Note something that must be done once the transaction is saved."""
        self.write("INSERT OR REPLACE INTO chores VALUES (?, ?)", (kind, what))
        self._has_chores = True

    def chores(self, kind: str) -> list[str]:
        """What is to be done."""
        self.flush()
        query = "SELECT what FROM chores WHERE kind = ? ORDER BY what"
        return [row[0] for row in self._db.execute(query, (kind,))]

    def chore_done(self, kind: str, what: str) -> None:
        """Strike it off the list, with the next commit."""
        self.write("DELETE FROM chores WHERE kind = ? AND what = ?", (kind, what))

    # --- transactions

    def commit(self) -> None:
        """Save everything written since the last commit."""
        self.check()
        try:
            for store in self._stores.values():
                store.commit()
            self.flush()
            if not self._db.in_transaction:
                return
            self._count_time()
            point("journal:commit")
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise self._unwritable(error) from error
        point("journal:committed")
        self._head.move_to(self.seq)
        if self._has_chores:
            self._do_chores()

    def _count_time(self) -> None:
        """Note the running time now and then: it costs a page of the log."""
        seconds = time.monotonic() - self._opened
        if seconds - self._saved_s > TIME_S:
            self._saved_s = seconds
            query = "UPDATE sessions SET seconds = ? WHERE id = ?"
            self._db.execute(query, (seconds, self._session_id))

    def _do_chores(self) -> None:
        self._has_chores = False
        if self._lock is None:
            return
        shards.do_chores(self)
        for scope in self.chores(FORGET):
            store = self._stores.get(scope.partition("/")[0])
            if store is None:
                continue  # the stage will be opened yet
            try:
                gone = store.forget(scope)
            except sqlite3.DatabaseError as error:
                raise self._unwritable(error) from error
            if gone:  # else with what is forgotten next, or when the stage is opened next
                self.chore_done(FORGET, scope)

    def saved(self) -> asyncio.Future[None]:
        """Await this to know that everything written so far is saved (a shared commit)."""
        # One future each: a waiter that is cancelled must not cancel the commit of the others.
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.save_soon()
        return waiter

    def save_soon(self) -> None:
        """Commit at the end of this turn of the loop; a failure shows at the next write."""
        if not self._soon:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._commit_for_waiters)

    def _commit_for_waiters(self) -> None:
        waiters, self._waiters, self._soon = self._waiters, [], False
        failure: Exception | None = None
        try:
            self.commit()
        except Exception as error:
            failure = error
        for waiter in waiters:
            if waiter.done():
                continue
            if failure is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(failure)

    def check(self) -> None:
        """Raise what broke the journal, if something did: nothing is written after it."""
        if self._broken is not None:
            raise self._as_broken()

    def flush(self) -> None:
        """Hand what waits to the transaction that the next commit saves."""
        if self._broken is not None:
            if self._lock is None:
                return  # only read: nothing ever waits
            raise self._as_broken()
        if self.pending or self._answers.waiting:
            self._begin()

    def write(self, statement: str, values: tuple) -> sqlite3.Cursor:
        """One statement of the transaction that the next commit saves."""
        self._begin()
        try:
            return self._db.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise self._unwritable(error) from error

    def _begin(self) -> None:
        """Open the transaction that the next commit saves, with what waits in it."""
        self.check()
        try:
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            self.pending.write(self._db)
            self._answers.write(self._db)
        except sqlite3.DatabaseError as error:
            raise self._unwritable(error) from error

    def _as_broken(self) -> RunError:
        # A new one each time: what is raised again gathers the frames of everybody who met it.
        return RunError(str(self._broken))

    def _unwritable(self, error: sqlite3.DatabaseError) -> RunError:
        # SQLite may have rolled back: whatever came after would leave a gap in the events.
        if isinstance(error, sqlite3.OperationalError):
            self._broken = RunError(
                f"cannot write to the journal {self.path}: {error}. What was saved before is safe; "
                f"make room and resume."
            )
        else:
            self._broken = files.unreadable(self.path, error)
        return self._broken

    def clean(self, text: str) -> str:
        """`text` as it is written: without secrets, and encodable."""
        text = self.redact(text)
        return text if text.isascii() else encodable(text)

    def close(self) -> None:
        """Save, and let other processes have the journal."""
        if self._lock is None:
            for store in self._stores.values():
                store.close()
            self._db.close()
            self._clean_up()
            return
        if self._lock.closed:
            return
        try:
            if self._broken is None:
                self._saved_s = float("-inf")
                for note in self.chores(NOTE):
                    self.chore_done(NOTE, note)
                self._begin()  # also where nothing else was written: the time counts
                self.commit()
                self.commit()  # what the chores of the first one struck off
            for store in self._stores.values():
                store.close()
            self._db.close()
            self._head.close()
        finally:
            self._lock.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
