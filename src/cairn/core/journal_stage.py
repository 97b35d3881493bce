"""A stage of a run: its part of the journal, with events, snapshots and waiting outcomes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cairn.core.faults import point
from cairn.core.journal_check import Mark
from cairn.core.journal_rows import Event, chained, digest_of, joined

if TYPE_CHECKING:
    from cairn.core.journal import Journal

DROP_OLD = (
    "DELETE FROM snapshots WHERE stage = ?1 AND seq NOT IN "
    "(SELECT seq FROM snapshots WHERE stage = ?1 ORDER BY seq DESC LIMIT 2)"
)


class Stage:
    """What one stage writes and reads; `Journal.stage(name)` gives it."""

    def __init__(self, journal: "Journal", name: str, mark: Mark):
        self.journal = journal
        self.name = name
        self._mark = mark

    def __repr__(self) -> str:
        return f"Stage({self.name!r}, {self._mark.number} events)"

    @property
    def seq(self) -> int:
        """The number, among all events of the run, of this stage's last one; 0 before it."""
        return self._mark.seq

    @property
    def count(self) -> int:
        """How many events this stage has."""
        return self._mark.number

    @property
    def chain(self) -> bytes:
        """Names the history of this stage, whatever other stages wrote in between."""
        return self._mark.chain

    def append(self, kind: str, trial: int, body: str) -> str:
        """Add an event; returns the body as written (redacted)."""
        journal, before = self.journal, self._mark
        body = journal.clean(body)
        number, seq = before[1] + 1, journal._seq + 1
        chain = chained(before[2], number, kind, trial, body)
        digest = joined(journal._chain, seq, self.name, chain)
        journal.add(Event(seq, self.name, number, kind, trial, body, chain, digest))
        self._mark = Mark(seq, number, chain)
        return body

    def events(self, after: int = 0) -> Iterator[Event]:
        """This stage's events with `seq > after`, in order, a bounded number in memory."""
        return self.journal.events(after, stage=self.name)

    def save_snapshot(self, body: bytes) -> None:
        """Keep `body` as the state after the last event; drop all but the two newest."""
        point("journal:snapshot")
        seq, chain = self.seq, self.chain
        before = self.journal.chain_at(seq)
        digest = digest_of(seq, self.name, body, chain, before)
        row = (seq, self.name, body, chain, before, digest)
        self.journal.write("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?)", row)
        self.journal.write(DROP_OLD, (self.name,))
        point("journal:snapshot-commit")

    def snapshot(self) -> tuple[int, bytes, bytes] | None:
        """The newest sound snapshot: (seq of the event before it, chain there, body)."""
        shot = next(self.journal.shots(self.name), None)
        return None if shot is None else (shot.seq, shot.chain, shot.body)

    def put(self, scope: str, name: str, body: bytes) -> None:
        """Keep a payload in the stage's own store, until `Journal.forget(scope)`.

        It is saved before the events of the same turn. `scope` is "stage" or "stage/name".
        """
        self.journal.put(self.name, scope, name, body)

    def payload(self, scope: str, name: str) -> bytes | None:
        """What was `put` under this name, if it is there."""
        return self.journal.payload(self.name, scope, name)

    def arrive(self, trial: int, kind: str, body: str) -> str:
        """Keep the outcome of a trial until it is told; returns the body as written."""
        self.journal.check()
        body = self.journal.clean(body)
        row = (self.name, trial, kind, body, digest_of(trial, kind, body))
        self.journal.pending.arrived[self.name, trial] = row
        return body

    def arrived(self) -> dict[int, tuple[str, str]]:
        """Outcomes that wait: trial id to (kind, body). At most as many as run ahead."""
        return self.journal.arrived(self.name)

    def depart(self, trial: int) -> None:
        """Drop a waiting outcome: it is an event now."""
        self.journal.check()
        self.journal.pending.depart(self.name, trial)
