"""How far a journal can be trusted: the chain of digests, from where the states start."""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from cairn.core.journal_rows import START, Event, chained, digest_of, joined


class Mark(NamedTuple):
    """Where a stage stands."""

    seq: int = 0
    """Number, among all events, of its last one."""
    number: int = 0
    """How many events it has."""
    chain: bytes = START
    """Names its history."""


class Tail(NamedTuple):
    """The last event up to which everything holds, and where each stage stands there."""

    seq: int
    digest: bytes
    stages: dict[str, Mark]


class Shot(NamedTuple):
    """A sound snapshot."""

    seq: int
    """Events of the run before it."""
    chain: bytes
    """Chain of its stage there."""
    body: bytes
    digest: bytes
    """Of the whole history there."""


def shots(db: sqlite3.Connection, stage: str) -> Iterator[Shot]:
    """The sound snapshots of a stage, newest first."""
    query = "SELECT * FROM snapshots WHERE stage = ? ORDER BY seq DESC"
    try:
        rows = db.execute(query, (stage,)).fetchall()
    except sqlite3.DatabaseError:
        return
    for seq, _, body, chain, before, digest in rows:
        if digest == digest_of(seq, stage, body, chain, before):
            yield Shot(seq, chain, body, before)


def last_good(db: sqlite3.Connection) -> Tail:
    """Follow the chain from where the first of the states starts (its snapshot) to its end.

    What lies before is read by nobody, and vouched for by the snapshots.
    """
    try:
        tail = _start(db)
    except sqlite3.DatabaseError:
        tail = Tail(0, START, {})
    try:
        for row in db.execute("SELECT * FROM events WHERE seq > ? ORDER BY seq", (tail.seq,)):
            event = Event._make(row)
            before = tail.stages.get(event.stage, Mark())
            number = before.number + 1
            chain = chained(before.chain, number, event.kind, event.trial, event.body)
            digest = joined(tail.digest, tail.seq + 1, event.stage, chain)
            if (tail.seq + 1, number, chain, digest) != (
                event.seq, event.number, event.chain, event.digest,
            ):  # fmt: skip
                break
            tail.stages[event.stage] = Mark(event.seq, number, chain)
            tail = Tail(event.seq, digest, tail.stages)
    except (sqlite3.DatabaseError, TypeError, AttributeError):
        pass  # an unreadable page, or a value of the wrong type in one: the chain ends here
    return tail


def _start(db: sqlite3.Connection) -> Tail:
    query = "SELECT name, first FROM stages WHERE first <= (SELECT MAX(seq) FROM events)"
    stages: dict[str, int] = dict(db.execute(query).fetchall())
    known: dict[int, bytes] = {0: START}
    starts = []
    for stage, first in stages.items():
        newest = next(shots(db, stage), None)
        if newest is None:
            starts.append(first - 1)
        else:
            known[newest.seq] = newest.digest
            starts.append(newest.seq)
    seq = min(starts, default=0)
    if seq not in known:
        found = db.execute("SELECT digest FROM events WHERE seq = ?", (seq,)).fetchone()
        if found is None:
            return Tail(0, START, {})
        known[seq] = found[0]
    marks: dict[str, Mark] = {}
    query = (
        "SELECT seq, number, chain FROM events WHERE stage = ? AND seq <= ? "
        "ORDER BY seq DESC LIMIT 1"
    )
    for stage in (stage for stage, first in stages.items() if first <= seq):
        for row in db.execute(query, (stage, seq)):
            marks[stage] = Mark._make(row)
    return Tail(seq, known[seq], marks)
