"""Processes beside the run's own that work on shards: a crew for `map_stage(crew=...)`.

Every shard has a journal of its own, which the worker writes, and leases of the roles' budgets. The
driver's journal alone says what is finished: in the transaction of a shard's event it takes over
the books of the shard's journal, which is then deleted. A worker that is lost is replaced; its
shards are done again from the answers in their journals, and what was in flight counts as possibly
paid twice.
"""

import asyncio
import multiprocessing
import pickle
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cairn.core.budget import BudgetExceededError
from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import Stage
from cairn.engine.map_hands import Job, Task
from cairn.engine.map_leases import Leases, ShardLease
from cairn.engine.map_state import Done
from cairn.engine.map_worker import SIGNALS, Company, serve
from cairn.lm.client import Desk

OPEN = 2
"""Shards that a worker has open: one is worked on while the slowest items of another end."""
LOST = 3
"""So many workers lost in a row, and no shard finished meanwhile: it is no accident."""


def _culprit(job: Job) -> str:
    """Which part of a job other processes cannot import."""
    for name, part in (("work", job.work), ("fold", job.fold), ("sink", job.sink)):
        try:
            pickle.dumps(part)
        except Exception:
            return f"the {name}"
    return "what makes the models"


class Processes:
    """A crew of processes."""

    def __init__(self, job: Job, stage: Stage, desk: Desk, *, company: Company, processes: int):
        """Raises ConfigError for work that another process could not import."""
        self.job, self.stage, self.desk, self.count = job, stage, desk, processes
        self.books = Leases(stage, desk)
        try:
            self.payload = pickle.dumps((job, company))
        except Exception as error:
            raise ConfigError(
                f"{_culprit(job)} must be importable in other processes, and is not: {error}. "
                f"Define work, models and fold as functions of a module, or use processes=1."
            ) from error
        self.workers: list[_Handle] = []
        self.threads = ThreadPoolExecutor(processes, "map-pipe")
        self.lost = 0
        self.gone = Tally()
        """Counts of workers that are gone."""

    @property
    def slots(self) -> int:
        """Two shards a worker."""
        return OPEN * self.count

    def _sum(self, name: str) -> int:
        return getattr(self.gone, name) + sum(getattr(w.tally, name) for w in self.workers)

    @property
    def items(self) -> int:
        """Outcomes of this session."""
        return self._sum("items")

    @property
    def answered(self) -> int:
        """Answers of models in this session."""
        return self._sum("answered")

    @property
    def in_flight(self) -> int:
        """Calls without an answer yet."""
        return sum(worker.tally.in_flight for worker in self.workers)

    async def __aenter__(self) -> "Processes":
        await self.books.open()
        self.workers = [_Handle(self.payload) for _ in range(self.count)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.close()
        self.threads.shutdown(wait=False)

    async def run(self, task: Task) -> Done:
        """Have a worker do it, or another one if that is lost."""
        number = number_of(task)
        path = self.stage.journal.shard(self.stage.name, number)
        share = 1 / (2 * self.slots)
        while True:
            async with self.books.lease(number, share) as lease:
                try:
                    done = await self._do(task, path, lease)
                except BudgetExceededError:
                    # The lease is used up; the budget perhaps not.
                    if share >= 1:
                        raise self.books.used_up() from None
                else:
                    self.lost = 0
                    return done
            share = min(1.0, 4 * share)

    async def _do(self, task: Task, path: Path, lease: ShardLease) -> Done:
        while True:
            worker = min(self.workers, key=lambda worker: len(worker.waiting))
            try:
                return await worker.do(task, path, lease, self.threads)
            except _LostError as error:
                self._replace(worker, str(error))

    def _replace(self, worker: "_Handle", how: str) -> None:
        if worker not in self.workers:
            return  # another of its shards has noticed
        self.lost += 1
        if self.lost > LOST * self.count:
            raise RunError(
                f"{self.lost} workers were lost in a row, the last {how}: is there too little "
                f"memory? Use fewer processes or workers, and go on."
            )
        if not worker.ready:
            raise RunError(
                f"a worker could not be started ({how}). If this is a script, begin its work "
                f'below `if __name__ == "__main__":`, so that a worker can import it.'
            )
        self.stage.journal.notes.append(
            f"a worker was lost ({how}): its shards are done again from their journals"
        )
        self.gone.items += worker.tally.items
        self.gone.answered += worker.tally.answered
        worker.close()
        self.workers[self.workers.index(worker)] = _Handle(self.payload)

    def settle(self, task: Task) -> None:
        """Take over the books of the shard's journal, which goes once that is saved."""
        journal = self.stage.journal
        journal.take(self.stage.name, number_of(task))
        # Of a session that worked on it in the run's own process.
        journal.forget(self.job.scope(task))

    async def stop(self, grace_s: float) -> None:
        """Have all workers send nothing more, and wait for what is in flight."""
        await asyncio.gather(*(worker.stop(grace_s) for worker in self.workers))


@dataclass
class Tally:
    """What a worker says of itself."""

    items: int = 0
    answered: int = 0
    in_flight: int = 0


class _LostError(Exception):
    """A worker's process ended; says how."""


class _StoppedError(RunError):
    """The worker was told to stop."""


class _Handle:
    """A worker, as the driver sees it."""

    def __init__(self, payload: bytes):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, payload), daemon=True)
        # Inherited: a signal that comes while the worker is still importing must not end it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()  # so that the pipe breaks when the process ends
        self.tally = Tally()
        self.ready = self.stopping = self.ended = False
        self.waiting: dict[int, asyncio.Future[Done]] = {}
        self.leases: dict[int, ShardLease] = {}
        self.status: int | None = None
        """Of its process, once that has ended."""
        self.failure: Exception | None = None
        """That of the worker as a whole."""
        self.end = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.pipe.fileno(), self._receive)

    async def do(
        self, task: Task, path: Path, lease: ShardLease, threads: ThreadPoolExecutor
    ) -> Done:
        """Have it work on a shard. Raises _LostError if its process ends."""
        index = task.shard.number
        future = self.waiting[index] = asyncio.get_running_loop().create_future()
        self.leases[index] = lease
        try:
            if self.ended:
                raise self._lost()
            message = ("shard", task, path, lease.limits())
            try:
                # In a thread: the pipe may be full, and the worker busy.
                sending = asyncio.get_running_loop().run_in_executor(
                    threads, self.pipe.send, message
                )
                await sending
            except (OSError, ValueError):
                raise self._lost() from None
            return await future
        finally:
            del self.waiting[index], self.leases[index]
            if future.done() and not future.cancelled():
                future.exception()  # looked at: sending may have failed first

    def _receive(self) -> None:
        try:
            while self.pipe.poll():
                self._take(*self.pipe.recv())
        except (EOFError, OSError):
            self._end()

    def _take(self, kind: str, *what: object) -> None:
        if kind == "ready":
            self.ready = True
        elif kind == "progress":
            self.tally = Tally(*what)  # type: ignore[arg-type]
        elif kind == "books" and what[0] in self.leases:
            self.leases[what[0]].after = what[1]  # type: ignore[index, assignment]
        elif kind == "error" and what[0] is None:
            self.failure = pickle.loads(what[1])  # type: ignore[arg-type]
        elif what[0] in self.waiting and not self.waiting[what[0]].done():  # type: ignore[index]
            future = self.waiting[what[0]]  # type: ignore[index]
            if kind == "done":
                future.set_result(what[1])  # type: ignore[arg-type]
            else:
                future.set_exception(pickle.loads(what[1]))  # type: ignore[arg-type]

    def _end(self) -> None:
        self.ended = True
        self.end.set()
        asyncio.get_running_loop().remove_reader(self.pipe.fileno())
        self.process.join(1.0)
        self.status = self.process.exitcode
        self._fail()

    def _fail(self) -> None:
        """Let all who wait for it know that it is gone."""
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(self._lost())

    def _lost(self) -> Exception:
        if self.failure is not None:
            return self.failure
        if self.stopping:
            return _StoppedError("the run is stopping")
        status = self.status
        return _LostError(f"signal {-status}" if status and status < 0 else f"status {status}")

    async def stop(self, grace_s: float) -> None:
        """Tell it to stop, and wait until it has."""
        self.stopping = True
        if self.ended:
            return
        try:
            self.pipe.send(("stop", grace_s))
            await asyncio.wait_for(self.end.wait(), grace_s + 5.0)
        except (OSError, TimeoutError):
            pass

    def close(self) -> None:
        """End its process at once."""
        if not self.ended:
            asyncio.get_running_loop().remove_reader(self.pipe.fileno())
            self.ended = True
        self.process.kill()
        self.process.join()
        # The pipe closes itself once nobody holds it: a thread may be sending yet, and its number
        # could by then be another file's.
        if self.status is None:
            self.status = self.process.exitcode
        self._fail()


def number_of(task: Task) -> int:
    """Of a shard's journal: another one in every round."""
    return task.round * 10**9 + task.shard.number
