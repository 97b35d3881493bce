"""A single call that a run still holds: its answer, and what was asked where that is kept.

What was asked is kept only by stages that put it into their store, under `REQUEST`, in the scope of
the answer.
"""

import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from cairn.core.errors import ConfigError
from cairn.core.journal_answers import digest_of
from cairn.report.parts import Notes, Part, Section, Table, Text, Words
from cairn.report.render import clipped
from cairn.report.tables import redacted
from cairn.view.journal_answer import answer, request
from cairn.view.journal_looks import UNREADABLE, Looks, Source, opened, said
from cairn.view.journal_sections import size

TRIAL_S = 0.3
"""How long the events of a call's trial are looked for."""
LONGEST = 32 * 10**6
"""Bytes of an answer that is read as a whole."""
BEGINNING = 100_000
REQUEST = "request/{key}"
"""Name of the payload that holds what was asked, in JSON; `{key}` is the answer's, in hex."""


class Row(NamedTuple):
    """An answer's row, without the answer."""

    id: int
    scope: str
    label: str
    digest: bytes
    bytes: int


def one(
    looks: Looks, sources: Sequence[Source], roles: Collection[str], key: str, *, redact: bool
) -> Section:
    """A call by its key in hexadecimal digits; one that is not held says so.

    Raises ConfigError for what is no key.
    """
    raw = _key(key)
    parts: list[Part] = []
    for source in sources:
        try:
            with opened(looks, source) as db:
                parts += _shown(db, source, raw, roles, redact=redact)
        except UNREADABLE as error:
            if source.path.exists():  # else a shard that was taken over meanwhile
                parts.append(Notes([said(source, error)]))
    if all(isinstance(part, Notes) for part in parts):
        parts.append(
            Words(
                "This call is not held: its answer was forgotten when what it was needed for was "
                "finished, or it never was one of this run's."
            )
        )
    return Section("call", "What was asked and answered", parts)


def role_in(label: str, roles: Collection[str]) -> str:
    """The role in a label: `trial/role/purpose/sample`, or `trial/role` for a program."""
    parts = label.split("/")
    known = next((part for part in reversed(parts) if part in roles), None)
    return known or (parts[-3] if len(parts) >= 4 else "")


def bytes_of(db: sqlite3.Connection, number: int) -> int:
    """The size of an answer; `length(body)` would read it and count its characters."""
    with db.blobopen("answers", "body", number, readonly=True) as blob:
        return len(blob)


def _shown(
    db: sqlite3.Connection, source: Source, key: bytes, roles: Collection[str], *, redact: bool
) -> Iterator[Part]:
    if source.kind != "store":
        yield from _in_flight(db, key)
    query = (
        "SELECT id, scope, label, digest FROM answers WHERE hash = ? AND key = ? "
        "ORDER BY id DESC LIMIT 1"
    )
    found = db.execute(query, (int.from_bytes(key[:8], signed=True), key)).fetchone()
    if found is None:
        return
    number, scope, label, digest = found
    row = Row(number, scope, label, digest, bytes_of(db, number))
    facts = [
        ("call", row.label or "–"), ("role", role_in(row.label, roles) or "–"),
        ("scope", row.scope or "–"), ("key", key.hex()),
        ("size", f"{size(row.bytes)} as kept"), ("kept in", source.name),
    ]  # fmt: skip
    yield Table(("", ""), facts)
    yield from _asked(db, source, key, row, redact=redact)
    yield from _answered(db, key, row, redact=redact)


def _in_flight(db: sqlite3.Connection, key: bytes) -> Iterator[Part]:
    rows = db.execute("SELECT stage, role, tokens FROM sends WHERE key = ?", (key,)).fetchall()
    for stage, role, tokens in rows:
        yield Words(f"In flight: {role} in {stage}, {tokens:,} tokens reserved.", "note")


def _answered(db: sqlite3.Connection, key: bytes, row: Row, *, redact: bool) -> Iterator[Part]:
    if row.bytes > LONGEST:
        with db.blobopen("answers", "body", row.id, readonly=True) as blob:
            text = blob.read(BEGINNING).decode("utf-8", "replace")
        yield Words(f"The answer takes {size(row.bytes)}: here is how it begins, as it is kept.")
        yield Text(redacted(text) if redact else clipped(text), "answer")
        return
    (body,) = db.execute("SELECT body FROM answers WHERE id = ?", (row.id,)).fetchone()
    if digest_of(key, body) != row.digest:
        yield Notes(["This answer is damaged: the run does not use it, and asks again."])
    yield from answer(body, redact=redact)


def _asked(
    db: sqlite3.Connection, source: Source, key: bytes, row: Row, *, redact: bool
) -> Iterator[Part]:
    if source.kind == "store":
        name = REQUEST.format(key=key.hex())
        query = "SELECT body FROM payloads WHERE scope = ? AND name = ?"
        found = db.execute(query, (row.scope, name)).fetchone()
        if found is not None:
            yield from request(found[0], redact=redact)
            return
    yield Words("What was asked is not kept, only a digest of it in the key.", "muted")
    trial = row.label.partition("/")[0]
    if source.kind == "journal" and trial.isdecimal() and len(trial) < 19:
        yield from _trial(db, row.scope.partition("/")[0], int(trial), redact=redact)


def _trial(db: sqlite3.Connection, stage: str, trial: int, *, redact: bool) -> Iterator[Part]:
    """What the trial was that the call belongs to, if that is found in time."""
    until = time.perf_counter() + TRIAL_S
    query = "SELECT body FROM events WHERE stage = ? AND trial = ? AND kind = 'ask'"
    db.set_progress_handler(lambda: time.perf_counter() > until, 10_000)
    try:
        found = db.execute(f"{query} ORDER BY seq LIMIT 1", (stage, trial)).fetchone()
    except sqlite3.OperationalError:
        return
    finally:
        db.set_progress_handler(None, 0)
    if found is not None:
        text = redacted(found[0]) if redact else clipped(found[0])
        yield Text(text, f"trial {trial}, which it belongs to")


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if not 0 < len(key) <= 64:
        raise ConfigError(f"expected the key of a call in hexadecimal digits, got {text[:80]!r}.")
    return key
