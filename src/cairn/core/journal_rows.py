"""What a journal is made of: its tables, the rows that are handed out, and their digests."""

import json
from hashlib import blake2b
from typing import Literal, NamedTuple

from cairn.core.budget import Amount

FORMAT = "2"
SCHEMA = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE events(seq INTEGER PRIMARY KEY, stage TEXT NOT NULL, number INTEGER NOT NULL,
    kind TEXT NOT NULL, trial INTEGER NOT NULL, body TEXT NOT NULL, chain BLOB NOT NULL,
    digest BLOB NOT NULL);
CREATE TABLE stages(name TEXT PRIMARY KEY, first INTEGER NOT NULL);
CREATE TABLE snapshots(seq INTEGER NOT NULL, stage TEXT NOT NULL, body BLOB NOT NULL,
    chain BLOB NOT NULL, before BLOB NOT NULL, digest BLOB NOT NULL, PRIMARY KEY(stage, seq));
CREATE TABLE arrived(stage TEXT NOT NULL, trial INTEGER NOT NULL, kind TEXT NOT NULL,
    body TEXT NOT NULL, digest BLOB NOT NULL, PRIMARY KEY(stage, trial)) WITHOUT ROWID;
CREATE TABLE sends(id INTEGER PRIMARY KEY, key BLOB NOT NULL, stage TEXT NOT NULL,
    role TEXT NOT NULL, calls INTEGER NOT NULL, tokens INTEGER NOT NULL, micros INTEGER NOT NULL,
    cpu_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL);
CREATE TABLE spent(stage TEXT NOT NULL, role TEXT NOT NULL, outcome TEXT NOT NULL,
    sends INTEGER NOT NULL, calls INTEGER NOT NULL, tokens INTEGER NOT NULL,
    micros INTEGER NOT NULL, cpu_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
    PRIMARY KEY(stage, role, outcome));
CREATE TABLE chores(kind TEXT NOT NULL, what TEXT NOT NULL, PRIMARY KEY(kind, what));
CREATE TABLE sessions(id INTEGER PRIMARY KEY, started REAL NOT NULL, seconds REAL NOT NULL);
"""
TABLES = (
    "meta",
    "events",
    "stages",
    "snapshots",
    "answers",
    "arrived",
    "sends",
    "spent",
    "chores",
    "sessions",
)
START = bytes(16)
"""What the first event is chained to."""

Outcome = Literal["answered", "refused", "lost"]
"""Of a send: a reply came; surely not charged; reply lost."""


class Event(NamedTuple):
    """One thing that happened."""

    seq: int
    """Its number among all events of the run."""
    stage: str
    number: int
    """Its number among the events of its stage."""
    kind: str
    trial: int
    body: str
    chain: bytes
    """Digest chained to the stage's event before it: names the history of the stage."""
    digest: bytes
    """Digest chained to the event before it, whatever its stage: names the whole history."""


class Spending(NamedTuple):
    """What the sends of one role in one stage add up to."""

    stage: str
    role: str
    spent: Amount
    """Settled."""
    kept: Amount
    """Reserved for sends whose outcome nobody knows."""
    maybe_twice: int
    """How many these are: they may have been paid, and are made again."""


def digest_of(*parts: object) -> bytes:
    """16 bytes over the parts' representations."""
    return blake2b(repr(parts).encode(), digest_size=16).digest()


def chained(before: bytes, number: int, kind: str, trial: int, body: str) -> bytes:
    """The chain of a stage after an event, from the chain `before` it."""
    text = f"{number}|{kind}|{trial}|{body}"
    return blake2b(text.encode(), key=before, digest_size=16).digest()


def joined(before: bytes, seq: int, stage: str, chain: bytes) -> bytes:
    """The digest of the whole history after an event that takes its stage's chain to `chain`."""
    return blake2b(f"{seq}|{stage}|".encode() + chain, key=before, digest_size=16).digest()


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )
