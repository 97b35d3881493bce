"""How far a run is, how fast, at what cost, and what that comes to by its end."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cairn.core.budget import Amount
from cairn.lm.client import Desk

PROJECT_AFTER = 100
"""Calls after which a projection means something."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Projection:
    """The whole run, at the rate so far."""

    amount: Amount
    """Calls, tokens and money by the last trial."""
    left_s: float
    """Seconds still to run."""


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
    """What the policy says of its state."""


class Speedometer:
    """Reads a desk while a run goes on."""

    SPAN_S = 10.0

    def __init__(
        self,
        desk: Desk,
        count: Callable[[], tuple[int, int]],
        notes: Sequence[str],
        describe: Callable[[], str] = str,
    ):
        """`count` gives (told, trials), `describe` a few words about the state."""
        self.desk, self.count, self.notes, self.describe = desk, count, notes, describe
        self._started = time.monotonic()
        self._told_before = count()[0]
        self._points: deque[tuple[float, int]] = deque([(self._started, 0)])

    def read(self) -> Progress:
        """The progress at this moment."""
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
            projection=self._project(told, trials),
            notes=tuple(self.notes),
            about=self.describe(),
        )

    async def report(self, tell: Callable[[Progress], None] | None, every_s: float) -> None:
        """Report until cancelled; log the first projection."""
        projected = False
        while True:
            await asyncio.sleep(every_s)
            progress = self.read()
            if progress.projection is not None and not projected:
                projected = True
                log.info("%s", projection_line(progress))
            if tell is not None:
                tell(progress)

    def _speed(self, answers: int) -> float:
        now = time.monotonic()
        self._points.append((now, answers))
        while len(self._points) > 2 and self._points[1][0] < now - self.SPAN_S:
            self._points.popleft()
        then, before = self._points[0]
        return (answers - before) / max(now - then, 1e-9)

    def _project(self, told: int, trials: int) -> Projection | None:
        total = self.desk.budget.spent.plus(self.desk.budget.kept)
        done = told - self._told_before
        if total.calls < PROJECT_AFTER or told == 0 or done == 0:
            return None
        # Calls of trials in flight are in the total already, so this errs on the dear side.
        amount = Amount(*(-(-part * trials // told) for part in total))
        passed_s = time.monotonic() - self._started
        return Projection(amount, left_s=passed_s / done * max(trials - told, 0))


def projection_line(progress: Progress) -> str:
    """The projection in one line."""
    projection = progress.projection
    if projection is None:
        return f"no projection before {PROJECT_AFTER} calls"
    amount = projection.amount
    return (
        f"after {progress.told} of {progress.trials} trials: the whole run will take about "
        f"{amount.calls} calls, {amount.tokens} tokens, {amount.micros / 1e6:.2f} in money, "
        f"and {duration(projection.left_s)} more"
    )


def duration(seconds: float) -> str:
    """Seconds as `42s`, `3m05s` or `2h07m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
