"""The events of a journal, counted: a little at each look, and each of them once.

The newest are counted first, then those before them, towards the beginning. A look at a journal of
a million events would otherwise keep its page waiting.
"""

import json
import sqlite3
import time
from collections import Counter
from typing import NamedTuple

CHUNK = 50_000
"""Events counted at once: some 25 ms."""
LONGEST = 1_000
"""Characters of a message that are kept."""
ERRORS = 1_000
"""Kinds of failure that are told apart; a program may name its errors as it likes."""
OTHERS = "other errors"
TOLD_OF = ("failure", "timeout", "shard")
"""Kinds of event whose bodies are read."""


class Failure(NamedTuple):
    """Trials that failed in the same way."""

    seq: int
    """Of the newest."""
    trials: int
    trial: int
    message: str
    """Of the newest."""


class Shard(NamedTuple):
    """A finished shard of a map."""

    seq: int
    done: int
    rejected: int
    failed: int


class Tally:
    """What the events between `low` and `top` add up to."""

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, top: int) -> None:
        self.low = self.top = top
        """Events with `low < seq <= top` are counted."""
        self.counts: Counter[tuple[str, str]] = Counter()
        """By stage and kind."""
        self.failures: dict[tuple[str, str, str], Failure] = {}
        """By stage, kind (failure or timeout) and name of the error."""
        self.shards: dict[tuple[str, int], Shard] = {}
        """By stage and number, as tried last."""
        self.newest = top
        """The last event there was at the last look."""
        self._digest = b""

    @property
    def counted(self) -> int:
        """How many events are counted."""
        return self.top - self.low

    def look(self, db: sqlite3.Connection, seconds: float) -> bool:
        """Count on, for about so long; whether anything was counted, or has to be anew."""
        until = time.perf_counter() + seconds
        newest = _newest(db)
        again = self._is_another(db, newest)
        if again:
            self._begin(max(newest - CHUNK, 0))
        before = self.counted
        while self.top < newest and (self.counted == before or time.perf_counter() < until):
            end = min(self.top + CHUNK, newest)
            self._count(db, self.top, end)
            self.top = end
        self._digest = _digest(db, self.top)
        while self.low > 0 and (self.counted == before or time.perf_counter() < until):
            start = max(self.low - CHUNK, 0)
            self._count(db, start, self.low)
            self.low = start
        self.newest = newest
        return again or self.counted != before

    @property
    def more(self) -> bool:
        """Whether events are still to be counted."""
        return self.low > 0 or self.top < self.newest

    def _is_another(self, db: sqlite3.Connection, newest: int) -> bool:
        """Whether what was counted is not what is there: its trials were made anew, or it is the
        first look."""
        if self.top == 0:
            return newest > 0
        return newest < self.top or _digest(db, self.top) != self._digest

    def _count(self, db: sqlite3.Connection, after: int, until: int) -> None:
        where = "WHERE seq > ? AND seq <= ?"
        query = f"SELECT stage, kind, COUNT(*) FROM events {where} GROUP BY stage, kind"
        rows = db.execute(query, (after, until)).fetchall()
        kinds = ", ".join(f"'{kind}'" for kind in TOLD_OF)
        query = f"SELECT seq, stage, kind, trial, body FROM events {where} AND kind IN ({kinds})"
        failures, shards = self.failures.copy(), self.shards.copy()
        for seq, stage, kind, trial, body in db.execute(query, (after, until)):
            try:
                record = json.loads(body)
                if kind == "shard":
                    shard = Shard(seq, *(int(record[n]) for n in ("done", "rejected", "failed")))
                    shards[stage, trial] = max(shard, shards.get((stage, trial), shard))
                else:
                    key = (stage, kind, str(record["error"])[:LONGEST])
                    if key not in failures and len(failures) >= ERRORS:
                        key = (stage, kind, OTHERS)
                    failure = Failure(seq, 1, trial, str(record["message"])[:LONGEST])
                    failures[key] = _together(failure, failures.get(key))
            except (ValueError, KeyError, TypeError):
                continue  # another program's event: counted by its kind, and read by nobody
        # Only now, when nothing more can go wrong: no event is counted twice.
        self.failures, self.shards = failures, shards
        for stage, kind, number in rows:
            self.counts[stage, kind] += number


def _together(one: Failure, other: Failure | None) -> Failure:
    return one if other is None else max(one, other)._replace(trials=one.trials + other.trials)


def _newest(db: sqlite3.Connection) -> int:
    return db.execute("SELECT COALESCE(MAX(seq), 0) FROM events").fetchone()[0]


def _digest(db: sqlite3.Connection, seq: int) -> bytes:
    row = db.execute("SELECT digest FROM events WHERE seq = ?", (seq,)).fetchone()
    return b"" if row is None else row[0]
