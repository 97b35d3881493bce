"""Answers by key, in whichever database they are kept: a run's journal or the store of a stage."""

import sqlite3
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from cairn.core import journal_files as files

SCHEMA = """
CREATE TABLE answers(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, key BLOB NOT NULL,
    scope TEXT NOT NULL, label TEXT NOT NULL, body TEXT NOT NULL, digest BLOB NOT NULL);
CREATE INDEX answers_by_hash ON answers(hash);
CREATE INDEX answers_inside ON answers(scope) WHERE instr(scope, '/') > 0;
"""
# The hash is the beginning of the key: an index of small numbers stays small. Only scopes inside
# a stage have an index, since a stage as a whole is forgotten once at most.
INSERT = (
    "INSERT INTO answers(hash, key, scope, label, body, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
)
SELECT = "SELECT key, body, digest FROM answers WHERE hash = ? ORDER BY id DESC"


class Filter:
    """Which keys are surely not there: a Bloom filter with two of 2^23 bits a key.

    Most answers that are asked for are new, and a question to the database is dear.
    """

    def __init__(self):
        self._bits = bytearray(1 << 20)

    def add(self, key: bytes) -> None:
        """Take in a key of at least 6 bytes, which is a digest."""
        bits = self._bits
        for place in (int.from_bytes(key[:3]), int.from_bytes(key[3:6])):
            bits[place >> 4] |= 1 << (place & 7)

    def may_have(self, key: bytes) -> bool:
        """False: it was never added."""
        bits, one, two = self._bits, int.from_bytes(key[:3]), int.from_bytes(key[3:6])
        return bool(bits[one >> 4] >> (one & 7) & bits[two >> 4] >> (two & 7) & 1)


class Answers:
    """The answers of one database; what is put waits in memory until `write`."""

    def __init__(self, path: Path, *, reading: bool = False):
        """`reading`: nothing beside the database is touched."""
        self.path, self.reading = path, reading
        self.waiting: dict[bytes, tuple[int, bytes, str, str, str, bytes]] = {}
        self._filter: Filter | None = None

    def get(self, db: sqlite3.Connection, key: bytes) -> str | None:
        """The answer with this key, if there is a sound one."""
        waiting = self.waiting.get(key)
        if waiting is not None:
            return waiting[4]
        try:
            if self._filter is None:
                self._filter = Filter()
                for (known,) in db.execute("SELECT key FROM answers"):
                    self._filter.add(known)
            if not self._filter.may_have(key):
                return None
            for found, body, digest in db.execute(SELECT, (_hash(key),)):
                if found == key and digest == digest_of(key, body):
                    return body
        except sqlite3.DatabaseError as error:
            raise files.unreadable(self.path, error, reading=self.reading) from error
        return None

    def all(self, db: sqlite3.Connection) -> Iterator[tuple[bytes, str, str, str]]:
        """Every sound answer in the database: key, scope, label and body."""
        query = "SELECT key, scope, label, body, digest FROM answers ORDER BY id"
        try:
            for *answer, digest in db.execute(query):
                key, scope, label, body = answer
                if digest == digest_of(key, body):
                    yield key, scope, label, body
        except sqlite3.DatabaseError as error:
            raise files.unreadable(self.path, error, reading=self.reading) from error

    def put(self, key: bytes, scope: str, label: str, body: str) -> None:
        """Keep an answer."""
        self.waiting[key] = (_hash(key), key, scope, label, body, digest_of(key, body))
        if self._filter is not None:
            self._filter.add(key)

    def write(self, db: sqlite3.Connection) -> None:
        """Hand what waits to the open transaction."""
        if self.waiting:
            db.executemany(INSERT, self.waiting.values())
            self.waiting.clear()


def forget(db: sqlite3.Connection, table: str, scope: str) -> int:
    """Delete, in the open transaction, what belongs to a scope or lies inside it."""
    if "/" in scope:
        own = db.execute(f"DELETE FROM {table} WHERE instr(scope, '/') > 0 AND scope = ?", (scope,))
    else:
        own = db.execute(f"DELETE FROM {table} WHERE scope = ?", (scope,))
    # "0" is the character after "/": everything that begins with the scope and a slash.
    query = f"DELETE FROM {table} WHERE instr(scope, '/') > 0 AND scope > ? AND scope < ?"
    return own.rowcount + db.execute(query, (f"{scope}/", f"{scope}0")).rowcount


def digest_of(key: bytes, body: str) -> bytes:
    """16 bytes over an answer and its key."""
    return blake2b(body.encode(), key=key[:64], digest_size=16).digest()


def _hash(key: bytes) -> int:
    return int.from_bytes(key[:8], signed=True)
