"""A source cut into shards, and surveyed before anything is paid: how many items, which, whole.

Shards are cut by the source alone, so every start cuts the same ones. Their digests, kept in the
journal's first event, show a source that is no longer what it was: at the next start, or while a
run reads it the second time.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cairn.core.errors import RunError
from cairn.engine.map_ids import SeenIds
from cairn.engine.map_items import DuplicateIdError, Row
from cairn.engine.map_sources import Source

SHARD_BYTES = 8 * 2**20
"""A shard ends early where its items are longer than this together."""


class Shard(NamedTuple):
    """Some items in a row."""

    number: int
    """Among the shards, from 0."""
    start: int
    """The number of its first item."""
    rows: list[Row]
    digest: str
    """Of its rows."""


@dataclass(frozen=True)
class Survey:
    """What a source holds."""

    items: int
    digests: tuple[str, ...]
    """Of the shards."""

    @property
    def digest(self) -> str:
        """Names the whole source."""
        return hashlib.blake2b("".join(self.digests).encode(), digest_size=16).hexdigest()


def shards(source: Source, size: int) -> Iterator[Shard]:
    """The source in shards of `size` items, or fewer where they are long."""
    rows: list[Row] = []
    number = start = length = 0
    for row in source.rows():
        rows.append(row)
        length += len(row.raw)
        if len(rows) == size or length >= SHARD_BYTES:
            yield Shard(number, start, rows, _digest(rows))
            number, start, rows, length = number + 1, start + len(rows), [], 0
    if rows:
        yield Shard(number, start, rows, _digest(rows))


def _digest(rows: list[Row]) -> str:
    seen = hashlib.blake2b(digest_size=8)
    for row in rows:
        seen.update(b"%d:%d:" % (len(row.id), len(row.raw)))
        seen.update(row.id.encode("utf-8", "surrogatepass"))
        seen.update(row.raw)
        if row.fault:
            seen.update(b"!" + row.fault.encode("utf-8", "surrogatepass"))
    return seen.hexdigest()


async def survey(source: Source, size: int, read: list[int]) -> Survey:
    """Read all of a source once; `read[0]` counts the items meanwhile.

    Raises DuplicateIdError for an id that occurs twice, and what the source raises.
    """
    seen, digests, items = SeenIds(), [], 0
    cut = shards(source, size)
    # In a thread, so that a live line goes on and Ctrl-C is heard between two shards.
    while (shard := await asyncio.to_thread(next, cut, None)) is not None:
        for suspect in seen.add([row.id for row in shard.rows]):
            await asyncio.to_thread(_check_twice, source, suspect)
        digests.append(shard.digest)
        items += len(shard.rows)
        read[0] = items
    return Survey(items, tuple(digests))


def _check_twice(source: Source, suspect: str) -> None:
    places = []
    for number, row in enumerate(source.rows()):
        if row.id == suspect:
            places.append(number)
        if len(places) == 2:
            raise DuplicateIdError(
                f"{source.name}: the id {suspect!r} occurs twice, in records {places[0]} and "
                f"{places[1]} (from 0). Ids must differ: take another field, or none to number "
                f"the records."
            )


def check_same(source: Source, before: Survey, now: Survey) -> None:
    """Raise RunError if the source is not what it was when the run began."""
    if now == before:
        return
    pairs = enumerate(zip(before.digests, now.digests, strict=False))
    common = min(len(before.digests), len(now.digests))
    first = next((index for index, (a, b) in pairs if a != b), common)
    raise changed(source, f"it had {before.items:,} items, now {now.items:,}", first)


def changed(source: Source, what: str, shard: int) -> RunError:
    """The error for a source that is another one than it was."""
    return RunError(
        f"the source {source.name} was changed since this run began: {what}, and shard {shard} is "
        f"the first that differs. Give it back what it held, or start a new run."
    )
