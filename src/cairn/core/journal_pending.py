"""Rows that wait for the next commit, which writes them table by table."""

import sqlite3

from cairn.core.journal_rows import Event

Sums = dict[tuple[str, str, str], list[int]]
"""(stage, role, outcome) to the number of sends, then calls, tokens, micros, cpu_ms, wall_ms."""

MANY = 20_000
"""So many events are written without waiting for the commit, to bound the memory."""


class Pending:
    """What was written since the last commit and is not in the database yet."""

    def __init__(self):
        self.sums: Sums = {}
        self.events: list[Event] = []
        self.stages: list[tuple[str, int]] = []
        self.arrived: dict[tuple[str, int], tuple[str, int, str, str, bytes]] = {}
        self.written: set[tuple[str, int]] = set()
        """Outcomes that wait in the database."""
        self.departed: list[tuple[str, int]] = []
        self.sends: dict[int, tuple] = {}
        self.settled: list[tuple[int]] = []
        self.spent: set[tuple[str, str, str]] = set()

    def __bool__(self) -> bool:
        return bool(
            self.events or self.sends or self.settled
            or self.arrived or self.departed or self.spent
        )  # fmt: skip

    def settle(self, send: int) -> None:
        """Drop an open send."""
        if self.sends.pop(send, None) is None:
            self.settled.append((send,))

    def depart(self, stage: str, trial: int) -> None:
        """Drop a waiting outcome."""
        place = (stage, trial)
        self.arrived.pop(place, None)
        if place in self.written:
            self.written.discard(place)
            self.departed.append(place)

    def write(self, db: sqlite3.Connection) -> None:
        """Hand everything to the open transaction."""
        for statement, rows in (
            ("DELETE FROM arrived WHERE stage = ? AND trial = ?", self.departed),
            ("DELETE FROM sends WHERE id = ?", self.settled),
            ("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self.events),
            ("INSERT OR REPLACE INTO stages VALUES (?, ?)", self.stages),
            ("INSERT OR REPLACE INTO arrived VALUES (?, ?, ?, ?, ?)", self.arrived.values()),
            ("INSERT INTO sends VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", self.sends.values()),
        ):
            if rows:
                db.executemany(statement, rows)
        if self.spent:
            rows = [(*key, *self.sums[key]) for key in self.spent]
            db.executemany("INSERT OR REPLACE INTO spent VALUES (?,?,?,?,?,?,?,?,?)", rows)
        self.written.update(self.arrived)
        for rows in (
            self.events, self.stages, self.arrived, self.departed,
            self.sends, self.settled, self.spent,
        ):  # fmt: skip
            rows.clear()
