"""What a search or a map of one's own found, from its journal: its state and its last outcomes.

What they mean only the program knows that made the run, so both are shown as the journal has them.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

from cairn.report.parts import Part, Table, Text, Words
from cairn.report.tables import redacted
from cairn.view.journal_answer import BEGINNING, beginning, clipped

COMMANDS = ("cairn.search", "cairn.map")
STAGES = ("search", "map")
"""The stages of these runs."""
LAST = 20
"""Outcomes that are shown."""
LOOKED_AT = 10_000
"""Events at the end of a journal in which they are looked for."""
STATE = 2**17
"""Bytes of a snapshot that are read."""


def found(db: sqlite3.Connection, *, redact: bool) -> list[Part]:
    """The newest snapshot's state and the last outcomes, newest first.

    `redact`: lengths and digests in place of texts.
    """
    return [*_outcomes(db, redact=redact), *_state(db, redact=redact)]


def _outcomes(db: sqlite3.Connection, *, redact: bool) -> Iterator[Part]:
    # A body may be long: what is not shown is not read. Redacted, its digest is of the whole.
    body = "body" if redact else f"substr(body, 1, {4 * BEGINNING})"
    query = (
        f"SELECT kind, trial, {body} FROM events "
        "WHERE seq > (SELECT MAX(seq) FROM events) - ? AND stage IN (?, ?) AND kind != 'ask' "
        "ORDER BY seq DESC LIMIT ?"
    )
    rows: list[tuple[Any, ...]] = [
        (trial, kind, redacted(text) if redact else beginning(text))
        for kind, trial, text in db.execute(query, (LOOKED_AT, *STAGES, LAST))
    ]
    if rows:
        head = ("trial or shard", "kind", "what it came to")
        yield Table(head, rows, "The last outcomes, newest first", name="outcomes")
    else:
        yield Words("No outcome was told yet.", "muted")


def _state(db: sqlite3.Connection, *, redact: bool) -> Iterator[Part]:
    query = "SELECT rowid, seq FROM snapshots WHERE stage IN (?, ?) ORDER BY seq DESC LIMIT 1"
    row = db.execute(query, STAGES).fetchone()
    if row is None:
        yield Words(
            "No snapshot of its state was taken yet: they come every engine.snapshot_every events.",
            "muted",
        )
        return
    number, event = row
    with db.blobopen("snapshots", "body", number, readonly=True) as blob:
        _, _, state = blob.read(STATE).partition(b"\n")
        cut = len(blob) > STATE
    if not state:  # the first line holds the trials under way
        yield Words(f"The trials under way at event {event:,} are too long to show its state.")
        return
    text = state.decode("utf-8", "replace")
    more = "\n… it goes on, not shown here" if cut else ""
    yield Text(
        redacted(text) if redact else clipped(text) + more, f"state after event {event:,}"
    )  # fmt: skip
