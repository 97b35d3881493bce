"""The books of a run: requests in flight, and what the settled ones add up to."""

import sqlite3

from cairn.core.budget import Amount
from cairn.core.journal_pending import Pending, Sums
from cairn.core.journal_rows import Outcome, Spending


class Books:
    """What was and is being spent, by stage and role. Writes go through `Pending`."""

    def __init__(self, db: sqlite3.Connection, pending: Pending):
        self.pending = pending
        self.sums: Sums = pending.sums
        self._open: dict[int, tuple[str, str, Amount]] = {}
        self._last = 0
        for stage, role, outcome, *sums in db.execute("SELECT * FROM spent"):
            self.sums[stage, role, outcome] = sums
        # Whatever was in flight when an earlier process died may have been paid.
        for send, _, stage, role, *used in db.execute("SELECT * FROM sends").fetchall():
            self.add(stage, role, "lost", Amount(*used))
            pending.settle(send)

    def intend(self, key: bytes, stage: str, role: str, reserved: Amount) -> int:
        """Note that a request is about to leave; returns the number of the send."""
        self._last = send = self._last + 1
        self._open[send] = (stage, role, reserved)
        self.pending.sends[send] = (send, key, stage, role, *reserved[:5])
        return send

    def settle(self, send: int, outcome: Outcome, actual: Amount | None) -> None:
        """Note how a send ended; `actual` None keeps what was reserved."""
        stage, role, reserved = self._open.pop(send)
        self.add(stage, role, outcome, reserved if actual is None else actual)
        self.pending.settle(send)

    def add(self, stage: str, role: str, outcome: str, used: Amount, sends: int = 1) -> None:
        """Add what `sends` requests used to the row of their stage, role and outcome."""
        key = (stage, role, outcome)
        sums = self.sums.get(key)
        if sums is None:
            sums = self.sums[key] = [0] * 6
        calls, tokens, micros, cpu_ms, wall_ms, _ = used
        sums[0] += sends
        sums[1] += calls
        sums[2] += tokens
        sums[3] += micros
        sums[4] += cpu_ms
        sums[5] += wall_ms
        self.pending.spent.add(key)

    def spending(self) -> list[Spending]:
        """A line per stage and role. Sends that are still open count as kept."""
        lines: dict[tuple[str, str], list[Amount]] = {}
        unknown: dict[tuple[str, str], int] = {}

        def add(stage: str, role: str, outcome: str, count: int, used: Amount) -> None:
            line = lines.setdefault((stage, role), [Amount(), Amount()])
            kept = outcome == "lost"
            line[kept] = line[kept].plus(used)
            unknown[stage, role] = unknown.get((stage, role), 0) + count * kept

        for (stage, role, outcome), (count, *sums) in self.sums.items():
            add(stage, role, outcome, count, Amount(*sums))
        for stage, role, reserved in self._open.values():
            add(stage, role, "lost", 1, reserved.lasting())
        return [
            Spending(*key, spent, kept, unknown[key])
            for key, (spent, kept) in sorted(lines.items())
        ]
