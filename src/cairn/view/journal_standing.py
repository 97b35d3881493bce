"""How far the stages of a journaled run are, from the ends of its journal: no event is counted."""

import json
import sqlite3
from typing import NamedTuple

NEWEST = "SELECT {what} FROM events WHERE stage = ? {where} ORDER BY seq DESC LIMIT 1"


class Asked(NamedTuple):
    """A stage in which a policy asks for trials and is told their outcomes."""

    told: int
    items: int | None
    """How many there are to tell, where the stage goes over a list; None in a search."""


class Mapped(NamedTuple):
    """A stage that works on the items of a source."""

    items: int
    """Of the source; 0 while it is surveyed."""
    done: int
    rejected: int
    failed: int
    finished: bool
    """Whether every item has an outcome and the results are where they belong."""

    @property
    def outcomes(self) -> int:
        """Items of finished shards."""
        return self.done + self.rejected + self.failed


def stages(db: sqlite3.Connection) -> dict[str, int]:
    """The stages that have begun, with the numbers of their first events, in this order."""
    query = "SELECT name, first FROM stages ORDER BY first"
    return dict(db.execute(query).fetchall())


def searched(db: sqlite3.Connection, stage: str) -> Asked:
    """How far a search is."""
    row = db.execute(NEWEST.format(what="number", where=""), (stage,)).fetchone()
    if row is None:
        return Asked(0, None)
    # Asks and tells alternate, so that the newest ask is near the end; trials are numbered from 0.
    asked = NEWEST.format(what="trial", where="AND kind = 'ask'")
    (trial,) = db.execute(asked, (stage,)).fetchone() or (-1,)
    return Asked(row[0] - trial - 1, None)


def listed(db: sqlite3.Connection, stage: str, first: int) -> Asked:
    """How far a map over a short list is: past its last item it asks for nothing, and says so."""
    query = (
        "SELECT COUNT(*) FROM events WHERE seq >= ? AND stage = ? AND kind = 'ask' "
        "AND body != 'null'"
    )
    (items,) = db.execute(query, (first, stage)).fetchone()
    return Asked(min(searched(db, stage).told, items), items)


def mapped(db: sqlite3.Connection, stage: str) -> Mapped:
    """How far a map is."""
    items, last = 0, ""
    shards: dict[int, tuple[int, ...]] = {}
    query = "SELECT kind, trial, body FROM events WHERE stage = ? ORDER BY seq"
    for kind, trial, body in db.execute(query, (stage,)):
        last = kind
        if kind == "source":
            items = json.loads(body)["items"]
        elif kind == "shard":
            record = json.loads(body)
            shards[trial] = tuple(record[name] for name in ("done", "rejected", "failed"))
    done, rejected, failed = (sum(shard[i] for shard in shards.values()) for i in range(3))
    # Where results are written, `sealed` and `joined` follow the last shard; elsewhere nothing.
    finished = done + rejected + failed == items and last in ("shard", "joined")
    return Mapped(items, done, rejected, failed, finished)
