"""A store of a stage's own: answers and payloads that are gone from every file once forgotten.

One SQLite file beside the journal, readable by its owner alone. Deleted rows are overwritten
(`secure_delete`), and the write-ahead log is cut after each forgetting, so that no copy stays.

What is put is saved before the journal's own transaction, what is to be forgotten only after it: a
process that dies in between has an answer too many, never one too few.
"""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from cairn.core import journal_files as files
from cairn.core.faults import point
from cairn.core.journal_answers import SCHEMA, Answers, forget
from cairn.core.journal_read import open_to_read

CHORE = "forget"
_PAYLOADS = """
CREATE TABLE payloads(scope TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY(scope, name));
CREATE INDEX payloads_inside ON payloads(scope) WHERE instr(scope, '/') > 0;
"""
TABLES = ("answers", "payloads")


def path_of(journal: Path, stage: str) -> Path:
    """Where the store of a stage lies."""
    return journal.with_name(f"{stage}.store.sqlite")


class Store:
    """The open store of one stage. Its errors are those of SQLite: the journal words them."""

    def __init__(self, path: Path, durable: str, *, reading: bool = False):
        self.path = path
        self.answers = Answers(path, reading=reading)
        self.payloads: dict[tuple[str, str], bytes] = {}
        self.notes: list[str] = []
        """What recovery did."""
        self._clean_up: Callable[[], None] = lambda: None
        if reading:
            self.db, self._clean_up = open_to_read(path)
            return
        # Before SQLite makes it, which would let the group read; log and index take its mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        os.chmod(path, 0o600)
        self.notes = files.mend_store(path, TABLES, durable)
        self.db = files.connect(path, durable)
        self.db.execute("PRAGMA secure_delete = ON")
        if not self.db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
            self.db.execute("BEGIN IMMEDIATE")
            for statement in (SCHEMA + _PAYLOADS).split(";"):
                self.db.execute(statement)
            self.db.execute("COMMIT")

    def payload(self, scope: str, name: str) -> bytes | None:
        """What was put under this name, if it is there."""
        waiting = self.payloads.get((scope, name))
        if waiting is not None:
            return waiting
        query = "SELECT body FROM payloads WHERE scope = ? AND name = ?"
        try:
            row = self.db.execute(query, (scope, name)).fetchone()
        except sqlite3.DatabaseError as error:
            raise files.unreadable(self.path, error, reading=self.answers.reading) from error
        return None if row is None else row[0]

    def commit(self) -> None:
        """Save what was put."""
        if not self.answers.waiting and not self.payloads:
            return
        self.db.execute("BEGIN IMMEDIATE")
        self.answers.write(self.db)
        rows = [(*name, body) for name, body in self.payloads.items()]
        self.db.executemany("INSERT OR REPLACE INTO payloads VALUES (?, ?, ?)", rows)
        point("store:commit")
        self.db.execute("COMMIT")
        self.payloads.clear()
        point("store:committed")

    def forget(self, scope: str) -> bool:
        """Delete what belongs to a scope or lies inside it, from the file and from its log.

        False: somebody reads the file, so that the log could not be cut yet. Do it again later.
        """
        self.db.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            forget(self.db, table, scope)
        point("store:forget")
        self.db.execute("COMMIT")
        point("store:forgotten")
        # Without waiting for a reader: calls are in flight meanwhile.
        self.db.execute("PRAGMA busy_timeout = 0")
        busy, _, _ = self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.db.execute("PRAGMA busy_timeout = 5000")
        return not busy

    def close(self) -> None:
        """Close the file; what was put must be saved before."""
        self.db.close()
        self._clean_up()
