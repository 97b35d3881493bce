"""One of the processes beside a run's own: works on the shards that come down its pipe.

Messages are tuples; to the worker `("shard", task, path, limits)` and `("stop", grace_s)`, from it
`("ready",)`, `("progress", items, answered, in_flight)`, `("books", index, spending)` and then
`("done", index, done)` or `("error", index, pickled error)`. If the pipe breaks, the driver is
gone, and so is the worker: at once, since a new driver may be waiting for its journals.
"""

import asyncio
import gc
import os
import pickle
import signal
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cairn.core.budget import Amount, Limits
from cairn.core.desk import Work
from cairn.core.errors import CairnError, ConfigError, RunError
from cairn.core.faults import point
from cairn.core.journal import Journal, Spending
from cairn.engine.map_crew import clients
from cairn.engine.map_hands import Hands, Job, Task
from cairn.engine.map_leases import ALONE, RUN
from cairn.lm.client import Desk, Role

Company = Callable[[], AbstractAsyncContextManager[Mapping[str, Role]]]
"""Makes the roles' models and closes them: every process makes its own."""

EVERY_S = 0.5
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(pipe: Connection, payload: bytes) -> None:
    """The life of a worker."""
    # Ctrl-C in a terminal reaches every process of it: the driver says what is to be done. Not
    # SIG_IGN, which programs that the work starts would inherit.
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    job, company = pickle.loads(payload)
    # Records come and go by thousands and hold no circles: fewer looks for garbage, and none at
    # what was imported, take some hundredths of the time.
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    asyncio.run(_Worker(pipe, job).live(company))


class _Worker:
    def __init__(self, pipe: Connection, job: Job):
        self.pipe, self.job = pipe, job
        self.hands = Hands(job)
        self.desks: dict[int, Desk] = {}
        self.answered = 0
        """Of shards that are finished."""
        self.inbox: asyncio.Queue[tuple] = asyncio.Queue()

    async def live(self, company: Company) -> None:
        """Take shards until told to stop."""
        asyncio.get_running_loop().add_reader(self.pipe.fileno(), self._receive)
        running: set[asyncio.Task[None]] = set()
        try:
            async with company() as roles, self.hands:
                self._send("ready")
                running.add(asyncio.create_task(self._report()))
                while (message := await self.inbox.get())[0] == "shard":
                    doing = asyncio.create_task(self._shard(roles, *message[1:]))
                    running.add(doing)
                    doing.add_done_callback(running.discard)
                for desk in self.desks.values():
                    desk.close()
                await self.hands.stop(message[1])
                for doing in running:
                    doing.cancel()
                await asyncio.gather(*running, return_exceptions=True)
        except CairnError as error:  # of the company: a key that is missing, say
            self._send("error", None, portable(error))

    def _receive(self) -> None:
        try:
            while self.pipe.poll():
                self.inbox.put_nowait(self.pipe.recv())
        except (EOFError, OSError):
            os._exit(1)

    def _send(self, *message: Any) -> None:
        try:
            self.pipe.send(message)
        except OSError:
            os._exit(1)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            self._progress()

    def _progress(self) -> None:
        desks = self.desks.values()
        answered = self.answered + sum(desk.counts["answered"] for desk in desks)
        in_flight = sum(desk.in_flight for desk in desks)
        self._send("progress", self.hands.items, answered, in_flight)

    async def _shard(
        self, roles: Mapping[str, Role], task: Task, path: Path, limits: Mapping[str, Limits]
    ) -> None:
        number = task.shard.number
        try:
            with Books(path, self.job, task, roles, limits) as books:
                self.desks[number] = books.desk
                try:
                    done = await self.hands.work(task, clients(books.desk, self.job, task))
                finally:
                    del self.desks[number]
                    self.answered += books.desk.counts["answered"]
                    self._send("books", number, books.read())
        except Exception as error:
            self._send("error", number, portable(error))
        else:
            # The journal is closed by now: the driver takes its books over.
            point("map:worker-done")
            self._progress()
            self._send("done", number, done)


class Books:
    """A shard's journal, and a desk over it: what a worker has open for a shard."""

    def __init__(
        self, path: Path, job: Job, task: Task, roles: Mapping[str, Role],
        limits: Mapping[str, Limits],
    ):  # fmt: skip
        tied = {"stage": job.stage, "shard": task.shard.digest, "round": task.round}
        bounded = {name: replace(role, limits=limits[name]) for name, role in roles.items()}
        self.journal = Journal(path, config=tied)
        self.desk = _LeasedDesk(self.journal, bounded, limits, seed=job.seed)

    def read(self) -> list[Spending]:
        """The books as they stand."""
        self.journal.commit()
        return self.journal.spending()

    def __enter__(self) -> "Books":
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()


class _LeasedDesk(Desk):
    """Holds every role to its lease, those of programs too (`clients.once`)."""

    def __init__(
        self, journal: Journal, roles: Mapping[str, Role], limits: Mapping[str, Limits], *,
        seed: int,
    ):  # fmt: skip
        super().__init__(journal, roles, limits=limits.get(ALONE), seed=seed)
        self.run = limits[RUN]
        self.leased = {name: part for name, part in limits.items() if name not in (RUN, ALONE)}
        for name, part in self.leased.items():
            self.role(name, part)

    async def once(
        self, scope: str, key: bytes, role: str, reserve: Amount | None, work: Work,
        label: str = "",
    ) -> str:  # fmt: skip
        """Refuses what the run limits and nobody has leased."""
        if reserve is not None and role not in self.leased:
            for part in Amount._fields:
                limit = getattr(self.run, part)
                if limit is not None and getattr(reserve, part):
                    raise ConfigError(
                        f"the run is limited to {limit:,} {part}, and its processes cannot share "
                        f"that for a role that it does not know: name {role!r} before the map, by "
                        f"desk.role({role!r}), or use processes=1."
                    )
        return await super().once(scope, key, role, reserve, work, label)


def portable(error: BaseException) -> bytes:
    """An error that another process can raise."""
    try:
        body = pickle.dumps(error)
        pickle.loads(body)
    except Exception:
        return pickle.dumps(RunError(f"{type(error).__name__}: {error}"))
    return body
