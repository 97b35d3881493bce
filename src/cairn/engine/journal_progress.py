"""How far a run is, how fast, at what cost, and what that comes to by its end."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cairn.core.budget import Amount
from cairn.engine.journal_projection import Projection, projection_line
from cairn.lm.client import Desk

ABOUT_EVERY_S = 1.0
"""The state is described again after this long at the soonest, and only if it changed,"""
ABOUT_SHARE = 0.01
"""and then so seldom that this share of the time goes into it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """A moment of a run."""

    told: int
    """Trials whose outcome is in the state."""
    trials: int
    """Trials asked for."""
    calls_per_s: float
    """Answers of the last ten seconds, cached ones included."""
    answered: int
    """Answers from models in this session."""
    cached: int
    """Answers from the journal in this session."""
    in_flight: int
    """Calls without an answer yet."""
    retries: int
    """Failed attempts of this session."""
    spent: Amount
    """Settled, over all sessions."""
    kept: Amount
    """Reservations of calls whose outcome nobody knows, over all sessions."""
    maybe_twice: int
    """Sends possibly paid twice, over all sessions."""
    elapsed_s: float
    """Running time, over all sessions."""
    projection: Projection | None
    """After the first 100 calls."""
    notes: tuple[str, ...] = ()
    """What recovery did."""
    about: str = ""
    """What the policy says of its state: a few words, and perhaps lines to be shown below."""
    stopping: bool = False
    """Whether the run only waits for what is in flight."""
    waiting: str = ""
    """Why calls wait: a server is down, or asks everyone to wait."""

    def projection_line(self) -> str:
        """The projection in one line; empty before there is one."""
        if self.projection is None:
            return ""
        return projection_line(self.projection, told=self.told, trials=self.trials)


class Speedometer:
    """Reads a desk while a run goes on."""

    SPAN_S = 10.0

    def __init__(
        self,
        desk: Desk,
        count: Callable[[], tuple[int, int]],
        notes: Sequence[str],
        describe: Callable[[], str] = str,
        *,
        project: Callable[[float], Projection | None] | None = None,
        stopping: Callable[[], bool] = bool,
    ):
        """`count` gives (told, trials), `describe` a few words about the state, `project` the whole
        run from the seconds that a trial took, `stopping` says whether nothing new is begun."""
        self.desk, self.count, self.notes, self.describe = desk, count, notes, describe
        self.project, self.stopping = project, stopping
        self._started = time.monotonic()
        self._told_before = count()[0]
        self._points: deque[tuple[float, int]] = deque([(self._started, 0)])
        self._about, self._about_told, self._about_due_s = "", -1, 0.0

    def read(self, *, last: bool = False) -> Progress:
        """The progress at this moment; at the `last` one the state is described anew."""
        desk, (told, trials) = self.desk, self.count()
        answers = desk.counts["answered"] + desk.counts["cached"]
        return Progress(
            told=told,
            trials=trials,
            calls_per_s=self._speed(answers),
            answered=desk.counts["answered"],
            cached=desk.counts["cached"],
            in_flight=desk.in_flight,
            retries=desk.retries,
            spent=desk.budget.spent,
            kept=desk.budget.kept,
            maybe_twice=desk.maybe_twice,
            elapsed_s=desk.budget.elapsed_s(),
            projection=self._projected(told),
            notes=tuple(self.notes),
            about=self._described(told, last),
            stopping=self.stopping(),
            waiting=desk.waiting,
        )

    async def report(self, tell: Callable[[Progress], None] | None, every_s: float) -> None:
        """Report until cancelled; log the first projection."""
        projected = False
        while True:
            await asyncio.sleep(every_s)
            progress = self.read()
            if progress.projection is not None and not projected:
                projected = True
                log.info("%s", progress.projection_line())
            if tell is not None:
                tell(progress)

    def _described(self, told: int, last: bool) -> str:
        """The policy's words. They may cost it a pass over the state, in the loop that calls wait
        for, so they are asked for seldom."""
        began_s = time.monotonic()
        if told != self._about_told and (last or began_s >= self._about_due_s):
            self._about, self._about_told = self.describe(), told
            ended_s = time.monotonic()
            pause_s = max(ABOUT_EVERY_S, (ended_s - began_s) / ABOUT_SHARE)
            self._about_due_s = ended_s + pause_s
        return self._about

    def _speed(self, answers: int) -> float:
        now = time.monotonic()
        self._points.append((now, answers))
        while len(self._points) > 2 and self._points[1][0] < now - self.SPAN_S:
            self._points.popleft()
        then, before = self._points[0]
        return (answers - before) / max(now - then, 1e-9)

    def _projected(self, told: int) -> Projection | None:
        done = told - self._told_before
        if self.project is None or done <= 0:
            return None
        return self.project((time.monotonic() - self._started) / done)
