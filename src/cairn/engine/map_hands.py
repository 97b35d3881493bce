"""Hands work on the items of open shards, so many at a time, whichever process they are in.

A shard waits for its slowest item. So that this idles nobody, hands take items of the next shard as
soon as all of this one's are taken.
"""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core import files
from cairn.core.draws import DrawKey
from cairn.core.errors import CairnError
from cairn.core.faults import point
from cairn.core.jsontext import parse
from cairn.engine.journal_blame import blamed
from cairn.engine.map_items import (
    KINDS,
    Item,
    Kind,
    Outcome,
    Part,
    Reject,
    Row,
    packed,
    unpacked,
)
from cairn.engine.map_quotes import unquoted
from cairn.engine.map_shards import Shard
from cairn.engine.map_sinks import Sink
from cairn.engine.map_state import Done, Fold
from cairn.lm.client import Clients
from cairn.lm.errors import LMError, TrialFailedError

Work = Callable[[Item, Clients, DrawKey], Awaitable[Any]]


class Task(NamedTuple):
    """A shard to be worked on, or tried once more."""

    shard: Shard
    round: int = 0
    before: Part | None = None
    """Its part so far, in a retry."""
    kinds: tuple[Kind, ...] = ()
    """The outcomes that the retry does not keep."""

    @property
    def name(self) -> str:
        """Of its part."""
        return f"{self.shard.number:08}.{self.round}.part"

    def label(self, item: str) -> str:
        """How an item's answers are labelled: another round draws other answers."""
        escaped = item.replace("~", "~~")
        return f"{escaped}~{self.round}" if self.round else escaped


@dataclass(frozen=True)
class Job:
    """What is done with every item; goes to other processes as it is."""

    stage: str
    seed: int
    work: Work
    sink: Sink | None
    fold: Fold | None
    folder: Path
    """Of the parts."""
    workers: int
    """Items at a time."""
    item_timeout_s: float | None = None
    private: bool = False
    """No text of an item in any file that stays."""

    def key(self, task: Task, item: str) -> DrawKey:
        """What all draws of an item descend from."""
        root = DrawKey.root(self.seed).child("map", self.stage, item)
        return root.child("retry", task.round) if task.round else root

    def scope(self, task: Task) -> str:
        """Where a shard's answers lie in a journal, until its part is in place."""
        return f"{self.stage}/{task.shard.number}"


class _Open:
    """A shard some of whose items have no outcome yet."""

    def __init__(self, task: Task, clients: Callable[[str, DrawKey], Clients], lines: list[bytes]):
        self.task, self.clients, self.lines = task, clients, lines
        self.left = [i for i, line in enumerate(lines) if not line or KINDS[line[:1]] in task.kinds]
        self.left.reverse()  # taken from the end
        self.missing = len(self.left)
        self.in_hand = 0
        self.idle = asyncio.Event()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Hands:
    """Coroutines that take items in order. Use as an async context."""

    def __init__(self, job: Job):
        self.job = job
        self.items = 0
        """Outcomes so far, of this session."""
        self._open: deque[_Open] = deque()
        self._wake = asyncio.Event()
        self._stopping = False
        self._hands: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Hands":
        self._hands = [asyncio.create_task(self._hand()) for _ in range(self.job.workers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for hand in self._hands:
            hand.cancel()
        await asyncio.gather(*self._hands, return_exceptions=True)

    async def work(self, task: Task, clients: Callable[[str, DrawKey], Clients]) -> Done:
        """All items of a shard; their outcomes are in a part when this returns.

        `clients(label, key)` are the models as an item sees them. Raises what an item raised that
        stops the run.
        """
        lines = [b""] * len(task.shard.rows)
        if task.before is not None:
            lines = await asyncio.to_thread(list, task.before.lines(self.job.folder))
        shard = _Open(task, clients, lines)
        if shard.missing:
            self._open.append(shard)
            self._wake.set()
            try:
                await shard.finished
            finally:
                shard.left.clear()
                # Whoever called closes the journal next: nobody must be at it any more.
                while shard.in_hand:
                    shard.idle.clear()
                    await shard.idle.wait()
        done = await asyncio.to_thread(self._finish, task, lines)
        return done

    async def stop(self, grace_s: float) -> None:
        """Take no further item, and give those in hand some time."""
        self._stopping = True
        self._wake.set()
        try:
            if self._hands:
                await asyncio.wait(self._hands, timeout=grace_s)
        finally:
            await self.__aexit__()

    async def _hand(self) -> None:
        while True:
            while not self._open:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
            shard = self._open[0]
            if not shard.left:
                self._open.popleft()
                continue
            if self._stopping:
                return
            at = shard.left.pop()
            shard.in_hand += 1
            try:
                shard.lines[at] = await self._one(shard, shard.task.shard.rows[at])
            except BaseException as error:
                if self._cancelled():
                    raise
                if self.job.private and isinstance(error, LMError):
                    rows = [row for each in self._open for row in each.task.shard.rows]
                    error = unquoted(error, [*shard.task.shard.rows, *rows])
                shard.left.clear()
                if not shard.finished.done():
                    shard.finished.set_exception(error)
                continue
            finally:
                shard.in_hand -= 1
                if not shard.in_hand:
                    shard.idle.set()
            self.items += 1
            shard.missing -= 1
            if shard.missing == 0 and not shard.finished.done():
                shard.finished.set_result(None)

    async def _one(self, shard: _Open, row: Row) -> bytes:
        if row.fault:
            fault = {"error": "Unreadable", "message": row.fault}
            return packed(Outcome(row.id, "rejected", fault))
        job, key = self.job, self.job.key(shard.task, row.id)
        clients = shard.clients(shard.task.label(row.id), key)
        try:
            value = await self._value(Item(row.id, parse(row.raw)), clients, key)
        except Reject as error:
            return packed(Outcome(row.id, "rejected", _reason(error)))
        except TrialFailedError as error:
            return packed(Outcome(row.id, "failed", _reason(error)))
        if job.sink is not None:
            job.sink.check(row.id, value)
        return packed(Outcome(row.id, "done", value))

    async def _value(self, item: Item, clients: Clients, key: DrawKey) -> Any:
        """What the work says; raises what stops the run even where the work swallowed it."""
        job = self.job
        try:
            doing = job.work(item, clients, key)
            if job.item_timeout_s is None:
                value = await doing
            else:
                value = await self._in_time(doing, job.item_timeout_s)
        except CairnError:
            raise
        except BaseException as error:
            if not isinstance(error, Exception) and self._cancelled():
                raise
            folder, redact = job.folder.parents[1], clients.desk.journal.redact
            raise blamed(
                error, f"the work failed at item {item.id!r}", folder, redact, private=job.private
            ) from error
        finally:
            if clients.tally.stopped is not None and not self._cancelled():
                raise clients.tally.stopped
        return value

    @staticmethod
    def _cancelled() -> bool:
        """Whether a hand was cancelled; a work can raise a CancelledError of its own."""
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0

    async def _in_time(self, doing: Awaitable[Any], limit_s: float) -> Any:
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                return await doing
        except TimeoutError:
            if not limit.expired():
                raise
            raise _TooSlowError(f"no outcome within {limit_s:g} s") from None

    def _finish(self, task: Task, lines: list[bytes]) -> Done:
        """Write the part and count."""
        kinds = [KINDS[line[:1]] for line in lines]
        fold, total = self.job.fold, None
        if fold is not None:
            total = fold.zero()
            for line in lines:
                total = fold.merge(total, fold.of(unpacked(line)))
        return Done(
            part=write_part(self.job.folder, task.name, b"".join(lines)),
            round=task.round,
            done=kinds.count("done"),
            rejected=kinds.count("rejected"),
            failed=kinds.count("failed"),
            fold=total,
        )


class _TooSlowError(TrialFailedError):
    """An item took longer than it may."""


def _reason(error: TrialFailedError) -> dict[str, Any]:
    facts = error.facts if isinstance(error, Reject) else {}
    return {"error": type(error).__name__.lstrip("_"), "message": str(error), **facts}


def write_part(folder: Path, name: str, body: bytes) -> Part:
    """Write a part beside its place, and give it its name when it is whole."""
    path = folder / name
    beside = folder / f".{name}.new"
    with files.writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        point("map:part")
        with beside.open("wb") as file:
            file.write(body)
            point("map:part-written")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        point("map:part-renamed")
    return Part(name, len(body), hashlib.blake2b(body, digest_size=16).hexdigest())
