"""One session of a map: look through the source, work on open shards, join the parts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from cairn.core.budget import BudgetExceededError
from cairn.core.errors import RunError
from cairn.core.faults import point
from cairn.core.journal import Stage, canonical
from cairn.engine.map_config import MapConfig, MapResult
from cairn.engine.map_crew import Crew
from cairn.engine.map_hands import Job, Task
from cairn.engine.map_join import Joiner
from cairn.engine.map_progress import MapProgress, Phase, Show, Speed
from cairn.engine.map_shards import Shard, changed, check_same, shards, survey
from cairn.engine.map_sources import Source
from cairn.engine.map_state import Done, MapState, restore
from cairn.lm.client import Desk


class Driver:
    """One session of a map."""

    def __init__(self, stage: Stage, desk: Desk, source: Source, job: Job, config: MapConfig):
        self.stage, self.desk, self.source, self.job, self.config = stage, desk, source, job, config
        self.state: MapState = restore(stage)
        self.joiner: Joiner | None = None
        if job.sink is not None:
            self.joiner = Joiner(stage, self.state, job.folder, job.sink)
        self.phase: Phase = "reading"
        self.seen = [0]
        self.speed = Speed()
        self.crew: Crew | None = None
        self.before = 0
        self.limit: str | None = None
        self.stopping = False

    async def drive(self, crew: Callable[[Job, Stage, Desk], Crew]) -> MapResult:
        """Look through the source, work, join."""
        self._check_sink()
        await self._survey()
        self._clean()
        self._begin_retry()
        if self._missing():
            self.phase = "working"
            async with crew(self.job, self.stage, self.desk) as self.crew:
                await self._work(self.crew)
        if self.limit is None and self.joiner is not None:
            await self._join(self.joiner)
        if self.limit is None:
            self.phase = "finished"
            self._clean()
        return self._result()

    async def _join(self, joiner: Joiner) -> None:
        if self.state.joined:
            self.stage.journal.notes += await asyncio.to_thread(joiner.edited)
        else:
            self.phase = "writing"
            await joiner.join()

    # --- before

    def _check_sink(self) -> None:
        if self.joiner is None:
            return
        self.joiner.check_vacant()
        if self.state.joined:
            self.joiner.check_same()
        if self.state.joined and not self.state.count(self.config.retried):
            self.joiner.check_there()

    async def _survey(self) -> None:
        """Look through the source: how many items, each id once, the same as ever."""
        tied, state = self.config.tied(), self.state
        if state.survey is not None and state.tied != tied:
            raise RunError(
                f"the stage {self.stage.name!r} was begun with {canonical(state.tied)}, not with "
                f"{canonical(tied)}: go on with what it was begun with, or start a new run."
            )
        size = state.shard_size or self.config.shard
        found = await survey(self.source, size, self.seen)
        if state.survey is not None:
            check_same(self.source, state.survey, found)
            return
        body = {
            "tied": tied, "shard": size, "items": found.items, "digests": found.digests,
        }  # fmt: skip
        self._event("source", 0, canonical(body))

    def _begin_retry(self) -> None:
        kinds = self.config.retried
        # A retry that was killed is finished first, and is the one asked for.
        if kinds and not self._missing() and self.state.count(kinds):
            self._event("retry", self.state.round + 1, canonical({"kinds": kinds}))
        again = [done for index, done in self.state.shards.items() if self.state.open(index)]
        self.before = self.state.items - self.state.count(self.state.kinds, again)

    def _clean(self) -> None:
        """Remove parts that no event names, or that the sink has made superfluous."""
        kept = {done.part.name for done in self.state.shards.values()}
        if self.state.joined and not self.state.count(("rejected", "failed")):
            kept = set()
        with suppress(FileNotFoundError):
            for path in self.job.folder.iterdir():
                if path.suffix in (".part", ".new") and path.name not in kept:
                    path.unlink(missing_ok=True)

    # --- the work

    def _missing(self) -> int:
        """How many shards are still to be worked on."""
        survey = self.state.survey
        assert survey is not None
        return sum(self.state.open(index) for index in range(len(survey.digests)))

    async def _tasks(self) -> AsyncIterator[Task]:
        """The open shards, read one at a time."""
        survey, cut = self.state.survey, shards(self.source, self.state.shard_size)
        assert survey is not None
        number = 0
        while (shard := await asyncio.to_thread(next, cut, None)) is not None:
            if survey.digests[number : number + 1] != (shard.digest,):
                raise changed(self.source, "it is not what it was a moment ago", number)
            number += 1
            if self.state.open(shard.number):
                yield self._task(shard)
        if number < len(survey.digests):
            raise changed(self.source, "it ends earlier", number)

    def _task(self, shard: Shard) -> Task:
        done = self.state.shards.get(shard.number)
        if done is None:
            return Task(shard)
        return Task(shard, self.state.round, done.part, self.state.kinds)

    async def _work(self, crew: Crew) -> None:
        running: dict[asyncio.Task[Done], Task] = {}
        try:
            async for task in self._tasks():
                running[asyncio.create_task(crew.run(task))] = task
                while len(running) >= crew.slots and self.limit is None:
                    await self._collect(running)
                if self.limit is not None:
                    break
            while running and not self.stopping:
                await self._collect(running)
        finally:
            if running:
                await self._stop(crew, running)

    async def _collect(self, running: dict[asyncio.Task[Done], Task]) -> None:
        """Wait until some shards are finished, and write that down."""
        left_s = self.desk.budget.remaining_s()
        ended, _ = await asyncio.wait(
            running,
            return_when=asyncio.FIRST_COMPLETED,
            timeout=None if left_s is None else max(left_s, 0.0),
        )
        if ended:
            self._record(ended, running)
        elif left_s is not None:
            # Work without calls has no one else who looks at the clock.
            self.limit = "the running time is over. Raise wall_s and go on."
            self.stopping = True

    def _record(self, ended: set[asyncio.Task[Done]], running: dict) -> None:
        failure: BaseException | None = None
        for doing in ended:
            task = running.pop(doing)
            error = doing.exception()
            if isinstance(error, BudgetExceededError):
                self.limit = str(error)
            elif error is not None:
                failure = failure or error
            else:
                self._finished(task, doing.result())
        if failure is not None:
            raise failure

    def _finished(self, task: Task, done: Done) -> None:
        """One event, in whose transaction the shard's answers are forgotten."""
        before = self.state.shards.get(task.shard.number)
        assert self.crew is not None
        self.crew.settle(task)
        self._event("shard", task.shard.number, done.body())
        if before is not None:
            (self.job.folder / before.part.name).unlink(missing_ok=True)

    def _event(self, kind: str, trial: int, body: str) -> None:
        point("map:event")
        self.state.apply(kind, trial, self.stage.append(kind, trial, body))
        self.stage.journal.commit()
        point("map:event-saved")

    async def _stop(self, crew: Crew, running: dict[asyncio.Task[Done], Task]) -> None:
        """Let what is in flight arrive; shards that are finished by then are kept."""
        self.stopping = True
        try:
            await crew.stop(self.config.grace_s)
        finally:
            for doing in running:
                doing.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for doing, task in list(running.items()):
                if not doing.cancelled() and doing.exception() is None:
                    self._finished(task, doing.result())

    # --- what is said

    def read(self) -> MapProgress:
        """The progress at this moment."""
        state, crew = self.state, self.crew
        items = state.survey.items if state.survey else None
        session = crew.items if crew else 0
        done = min(self.before + session, items or 0) if self.phase == "working" else state.items
        counts = state.folded(self.job.fold)
        flat = isinstance(counts, dict) and all(isinstance(n, int) for n in counts.values())
        return MapProgress(
            stage=self.stage.name,
            phase=self.phase,
            read=self.seen[0],
            items=items,
            done=done,
            rejected=state.count(("rejected",)),
            failed=state.count(("failed",)),
            items_per_s=self.speed.of(session),
            answered=crew.answered if crew else 0,
            in_flight=crew.in_flight if crew else 0,
            spent=self.desk.budget.spent,
            maybe_twice=self.desk.maybe_twice,
            left_s=self.speed.left_s(session, (items or 0) - done),
            notes=tuple(self.stage.journal.notes),
            about=", ".join(f"{name} {n:,}" for name, n in counts.items()) if flat else "",
            stopping=self.stopping,
        )

    async def report(self, show: Show | None) -> None:
        """Report until cancelled."""
        while show is not None:
            await asyncio.sleep(self.config.report_every_s)
            show(self.read())

    def _result(self) -> MapResult:
        state = self.state
        assert state.survey is not None
        written = self.joiner is not None and state.joined
        return MapResult(
            items=state.survey.items,
            done=state.count(("done",)),
            rejected=state.count(("rejected",)),
            failed=state.count(("failed",)),
            counts=state.folded(self.job.fold),
            stopped=self.limit or "finished",
            sink=str(self.joiner.sink.where) if self.joiner and written else None,
            rejects=self.joiner.rejects
            if self.joiner and written and self.joiner.rejects in (state.sealed or ())
            else None,
            progress=self.read(),
            folder=self.job.folder,
            shards=dict(state.shards),
            written=tuple(state.written),
        )
