"""The live lines of a journaled run: calls per second, in flight, retries, spend, time left."""

import time
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from cairn.core.redact import printable
from cairn.core.units import duration
from cairn.engine.journal_progress import Progress
from cairn.engine.journal_projection import Projection, between

_CUT: Any = {"no_wrap": True, "overflow": "ellipsis"}
STOPPING = (
    "stopping: nothing new is begun, and what is in flight may still arrive; Ctrl-C ends the wait. "
    "What arrived is kept either way"
)


def line(progress: Progress) -> str:
    """A moment of a run in one line."""
    parts = [
        f"{progress.told}/{progress.trials} trials",
        f"{progress.calls_per_s:.1f} calls/s",
        f"{progress.in_flight} in flight",
        f"{progress.retries} retries",
        f"{progress.cached} cached",
        f"{progress.spent.tokens} tokens",
        f"spent {progress.spent.micros / 1e6:.4f}",
    ]
    if progress.maybe_twice:
        parts.append(f"{progress.maybe_twice} possibly paid twice")
    if progress.projection is not None and progress.told < progress.trials:
        least, most = progress.projection.least, progress.projection.most
        parts.append(f"projected {between(least.micros / 1e6, most.micros / 1e6, '.4f')}")
        parts.append(f"{duration(progress.projection.left_s)} left")
    if progress.about:
        parts.append(progress.about.partition("\n")[0])
    if progress.waiting:
        parts.append(progress.waiting)
    if progress.stopping:
        parts.insert(0, "stopping")
    return printable(" · ".join(parts), keep="")


def block(progress: Progress) -> RenderableType:
    """The line, and below it what the policy shows of its state, a cut line each."""
    below = printable(progress.about, keep="\n").split("\n")[1:]
    return Group(Text(line(progress)), *(Text(f"  {one}", **_CUT) for one in below))


class JournalConsole:
    """Shows progress: on a terminal a live line, with lines of the policy's own below; in a pipe a
    plain line now and then.

    Use as a context around `run(..., on_progress=console.show)`.
    """

    def __init__(self, console: Console | None = None, *, plain_every_s: float = 30.0):
        self.console = console or Console(stderr=True)
        self.plain_every_s = plain_every_s
        self._live: Live | None = None
        self._shown_at = float("-inf")
        self._latest: Progress | None = None
        self._printed = ""
        self._notes = 0
        self._projected: Projection | None = None
        self._stopping = self._waiting = False

    def __enter__(self) -> "JournalConsole":
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False)
            self._live.start()
        return self

    def show(self, progress: Progress) -> None:
        """Take in the newest moment."""
        self._latest = progress
        for note in progress.notes[self._notes :]:
            self._print(note)
        self._notes = len(progress.notes)
        going_on = progress.told < progress.trials
        if progress.projection is not None and going_on and self._is_news(progress.projection):
            self._projected = progress.projection
            self._print(progress.projection_line())
        if progress.stopping and not self._stopping:
            self._stopping = True
            self._print(STOPPING)
        if progress.waiting and not self._waiting:
            self._print(f"waiting: {progress.waiting}")
        self._waiting = bool(progress.waiting)
        if self._live is not None:
            self._live.update(block(progress), refresh=True)
        elif time.monotonic() - self._shown_at >= self.plain_every_s:
            self._shown_at = time.monotonic()
            self._printed = line(progress)
            self._print(self._printed)

    def _is_news(self, projection: Projection) -> bool:
        """The first one, and one that takes an earlier one back."""
        return self._projected is None or self._projected.misses(projection)

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
        elif self._latest is not None and line(self._latest) != self._printed:
            self._print(line(self._latest))

    def _print(self, text: str) -> None:
        # soft_wrap: a line in a log file is one line, however long.
        shown = printable(text, keep="\n")
        self.console.print(shown, markup=False, highlight=False, soft_wrap=True)
