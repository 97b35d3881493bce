"""The books of one journal at one moment: what was spent, what is in flight, who worked when."""

import sqlite3
from typing import NamedTuple

from cairn.core.budget import Amount


class Line(NamedTuple):
    """What the requests of a role in a stage came to."""

    stage: str
    role: str
    answered: int
    refused: int
    """Turned away, surely without a charge."""
    lost: int
    """Nobody knows: perhaps paid, and made again."""
    spent: Amount
    kept: Amount
    """Reserved for those that were lost."""


class Flight(NamedTuple):
    """Requests that have left and are not settled."""

    stage: str
    role: str
    requests: int
    reserved: Amount


class Session(NamedTuple):
    """A process's work on the run."""

    started: float
    """Seconds since 1970."""
    seconds: float
    """Running time, as far as it was saved."""


class Books(NamedTuple):
    """Everything but the events."""

    lines: tuple[Line, ...]
    flights: tuple[Flight, ...]
    sessions: tuple[Session, ...]
    notes: tuple[str, ...]
    """What recovery did and nobody was told yet."""
    waiting: int
    """Outcomes of trials that wait for their turn."""

    @property
    def settled(self) -> int:
        """Requests that have ended."""
        return sum(line.answered + line.refused + line.lost for line in self.lines)

    @property
    def answered(self) -> int:
        """Requests that were answered."""
        return sum(line.answered for line in self.lines)

    @property
    def in_flight(self) -> int:
        """Requests that have not ended."""
        return sum(flight.requests for flight in self.flights)


def read_books(db: sqlite3.Connection) -> Books:
    """The books in an open journal. Raises one of `journal_looks.UNREADABLE`."""
    db.execute("BEGIN")  # so that all is of one moment
    try:
        return Books(_lines(db), _flights(db), _sessions(db), _notes(db), _waiting(db))
    finally:
        db.execute("ROLLBACK")


def _lines(db: sqlite3.Connection) -> tuple[Line, ...]:
    found: dict[tuple[str, str], Line] = {}
    for stage, role, outcome, count, *used in db.execute("SELECT * FROM spent"):
        if not isinstance(stage, str) or not isinstance(role, str):
            raise TypeError(f"a role of {type(role).__name__} in the books")
        line = found.get((stage, role), Line(stage, role, 0, 0, 0, Amount(), Amount()))
        amount, count = Amount(*map(int, used)), int(count)
        if outcome == "lost":
            line = line._replace(lost=line.lost + count, kept=line.kept.plus(amount))
        else:
            name = "answered" if outcome == "answered" else "refused"
            count += getattr(line, name)
            line = line._replace(**{name: count}, spent=line.spent.plus(amount))
        found[stage, role] = line
    return tuple(line for _, line in sorted(found.items()))


def _flights(db: sqlite3.Connection) -> tuple[Flight, ...]:
    sums = "SUM(calls), SUM(tokens), SUM(micros), SUM(cpu_ms), SUM(wall_ms)"
    query = f"SELECT stage, role, COUNT(*), {sums} FROM sends GROUP BY stage, role"
    return tuple(
        Flight(stage, role, count, Amount(*map(int, reserved)))
        for stage, role, count, *reserved in db.execute(query)
    )


def _sessions(db: sqlite3.Connection) -> tuple[Session, ...]:
    rows = db.execute("SELECT started, seconds FROM sessions ORDER BY id")
    return tuple(Session(float(started), float(seconds)) for started, seconds in rows)


def _notes(db: sqlite3.Connection) -> tuple[str, ...]:
    query = "SELECT what FROM chores WHERE kind = 'note' ORDER BY what"
    return tuple(what for (what,) in db.execute(query))


def _waiting(db: sqlite3.Connection) -> int:
    return db.execute("SELECT COUNT(*) FROM arrived").fetchone()[0]
