"""The same map on a Ray cluster, by Ray Data: a crew for `map_stage(crew=...)`. Needs `cairn[ray]`.

A row of the dataset is a shard, an actor of the pool works on one at a time, and what comes back is
what a process of `map_workers` would send: the part is in place, the books in the shard's journal.
So the run's directory must lie where all nodes of the cluster see it. Ray starts a lost actor again
and gives it the shard again, which goes on from the answers in its journal.
"""

import asyncio
import importlib
import pickle
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cairn.core.budget import BudgetExceededError, Limits
from cairn.core.errors import MissingExtraError, RunError
from cairn.core.journal import Spending, Stage
from cairn.engine.map_crew import clients
from cairn.engine.map_hands import Hands, Job, Task
from cairn.engine.map_leases import Leases, ShardLease
from cairn.engine.map_state import Done
from cairn.engine.map_worker import Books, Company, portable
from cairn.engine.map_workers import number_of
from cairn.lm.client import Desk

OPEN = 8
"""Shards an actor gets in one dataset: each starts its actors anew, which takes seconds."""
QUIET_S = 0.2
"""So long no further shard came: there is none, or those that are open are waited for."""


class OnRay:
    """A crew of Ray actors."""

    def __init__(self, job: Job, stage: Stage, desk: Desk, *, company: Company, actors: int):
        """Raises MissingExtraError without Ray; starts one on this machine if none is connected."""
        self.ray = _ray()
        self.job, self.stage, self.desk, self.company = job, stage, desk, company
        self.actors = actors
        self.books = Leases(stage, desk)
        self.items = self.answered = self.in_flight = 0
        self.waiting: list[tuple[Task, ShardLease, asyncio.Future[Done]]] = []
        self.came = asyncio.Event()
        self.stopping = threading.Event()
        self.flow: asyncio.Task[None] | None = None

    @property
    def slots(self) -> int:
        """So many shards an actor."""
        return OPEN * self.actors

    async def __aenter__(self) -> "OnRay":
        await self.books.open()
        self.flow = asyncio.create_task(self._flow())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stopping.set()
        assert self.flow is not None
        self.flow.cancel()
        with suppress(asyncio.CancelledError):
            await self.flow

    async def run(self, task: Task) -> Done:
        """Put a shard into the next dataset, and wait for it."""
        share = 1 / (2 * self.slots)
        while True:
            async with self.books.lease(number_of(task), share) as lease:
                future = asyncio.get_running_loop().create_future()
                self.waiting.append((task, lease, future))
                self.came.set()
                try:
                    return await future
                except BudgetExceededError:
                    if share >= 1:
                        raise self.books.used_up() from None
            share = min(1.0, 4 * share)

    def settle(self, task: Task) -> None:
        """Take over the books of the shard's journal."""
        journal = self.stage.journal
        journal.take(self.stage.name, number_of(task))
        # Of a session that worked on it in the run's own process.
        journal.forget(self.job.scope(task))

    async def stop(self, grace_s: float) -> None:
        """Begin no further dataset; shards that end in time are kept."""
        self.stopping.set()
        if self.flow is not None:
            await asyncio.wait([self.flow], timeout=grace_s)

    async def _flow(self) -> None:
        """One dataset after the other, of the shards that wait."""
        while not self.stopping.is_set():
            await self.came.wait()
            before = 0
            while before < len(self.waiting) < self.slots:
                before = len(self.waiting)
                await asyncio.sleep(QUIET_S)
            wave, self.waiting = self.waiting, []
            self.came.clear()
            try:
                await asyncio.to_thread(self._dataset, wave, asyncio.get_running_loop())
            except Exception as error:
                _fail(wave, RunError(f"Ray could not go on: {error}"))

    def _dataset(self, wave: list, loop: asyncio.AbstractEventLoop) -> None:
        rows = [
            {"task": pickle.dumps((task, str(self._path(task)), lease.limits()))}
            for task, lease, _ in wave
        ]
        by_number = {task.shard.number: (lease, future) for task, lease, future in wave}
        found = self.ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            _Shards,
            fn_constructor_args=(self.job, self.company),
            batch_size=1,
            compute=self.ray.data.ActorPoolStrategy(min_size=1, max_size=self.actors),
        )
        for row in found.iter_rows():
            loop.call_soon_threadsafe(self._take, by_number, pickle.loads(row["result"]))
            if self.stopping.is_set():
                return

    def _path(self, task: Task) -> Path:
        return self.stage.journal.shard(self.stage.name, number_of(task)).resolve()

    def _take(self, by_number: dict, result: tuple) -> None:
        number, done, error, books, answered = result
        lease, future = by_number[number]
        lease.after = books
        self.answered += answered
        if future.done():
            return
        if done is None:
            future.set_exception(pickle.loads(error))
        else:
            self.items += done.items
            future.set_result(done)


def _fail(wave: list, error: Exception) -> None:
    for _, _, future in wave:
        if not future.done():
            future.set_exception(error)


class _Shards:
    """An actor: a shard in, its result out. An error is a result too, or Ray would repeat it."""

    def __init__(self, job: Job, company: Company):
        self.job, self.company = job, company

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        results = [asyncio.run(self._one(*pickle.loads(task))) for task in batch["task"]]
        return {"result": [pickle.dumps(result) for result in results]}

    async def _one(
        self, task: Task, path: str, limits: Mapping[str, Limits]
    ) -> tuple[int, Done | None, bytes | None, list[Spending], int]:
        number, spending, answered = task.shard.number, [], 0
        done = failure = None
        try:
            async with self.company() as roles, Hands(self.job) as hands:
                with Books(Path(path), self.job, task, roles, limits) as books:
                    try:
                        done = await hands.work(task, clients(books.desk, self.job, task))
                    finally:
                        spending, answered = books.read(), books.desk.counts["answered"]
        except Exception as error:
            failure = portable(error)
        return number, done, failure, spending, answered


def _ray() -> Any:
    try:
        ray = importlib.import_module("ray")
        importlib.import_module("ray.data")
    except ImportError:
        raise MissingExtraError(
            'a map on Ray needs Ray, which is missing: pip install "cairn[ray]"'
        ) from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    return ray
