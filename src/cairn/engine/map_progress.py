"""How far a map is, how fast, and at what cost."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rich.console import Console

from cairn.core.budget import Amount
from cairn.core.console import Progress, count, rate
from cairn.core.units import duration

Phase = Literal["reading", "working", "writing", "finished"]


@dataclass(frozen=True)
class MapProgress:
    """A moment of a map."""

    stage: str
    phase: Phase
    """What goes on: the source is looked through, items are worked on, the sink is written."""
    read: int
    """Items found so far while the source is looked through."""
    items: int | None
    """Items in all; None before the source was looked through."""
    done: int
    """Items of finished shards, and of this session in open ones."""
    rejected: int
    """Among finished shards."""
    failed: int
    """Among finished shards."""
    items_per_s: float
    """Of the last ten seconds."""
    answered: int
    """Answers from models in this session."""
    in_flight: int
    """Calls without an answer yet."""
    spent: Amount
    """Settled, over all sessions and stages of the run."""
    maybe_twice: int
    """Sends possibly paid twice, over all sessions and stages."""
    left_s: float | None
    """At the rate of this session."""
    notes: tuple[str, ...] = ()
    """What is worth knowing: repairs, workers that were lost."""
    about: str = ""
    """The counts of the fold, where it counts."""
    stopping: bool = False
    """A stop was asked for: what is in flight may still arrive."""


class Speed:
    """Items per second over the last seconds, and over the session."""

    SPAN_S = 10.0

    def __init__(self):
        self._began = time.monotonic()
        self._points: deque[tuple[float, int]] = deque([(self._began, 0)])

    def of(self, items: int) -> float:
        """The rate, `items` being those of this session so far."""
        now = time.monotonic()
        self._points.append((now, items))
        while len(self._points) > 2 and self._points[1][0] < now - self.SPAN_S:
            self._points.popleft()
        then, before = self._points[0]
        return (items - before) / max(now - then, 1e-9)

    def left_s(self, items: int, missing: int) -> float | None:
        """Time for the missing items; None before there is a rate."""
        passed_s = time.monotonic() - self._began
        return passed_s / items * missing if items and passed_s > 1.0 else None


def figures(progress: MapProgress) -> dict[str, str]:
    """What the console shows, in order."""
    if progress.phase == "reading":
        return {progress.stage: "reading the source", "items": count(progress.read)}
    shown = {progress.stage: "stopping" if progress.stopping else progress.phase}
    shown["items"] = f"{progress.done:,}/{progress.items or 0:,}"
    shown["rate"] = rate(progress.items_per_s)
    for name in ("rejected", "failed"):
        if number := getattr(progress, name):
            shown[name] = f"{number:,}"
    if progress.in_flight:
        shown["in flight"] = str(progress.in_flight)
    if progress.spent.tokens:
        shown["tokens"] = count(progress.spent.tokens)
    if progress.spent.micros:
        shown["spent"] = f"{progress.spent.micros / 1e6:.4f}"
    if progress.maybe_twice:
        shown["possibly paid twice"] = str(progress.maybe_twice)
    if progress.left_s is not None and progress.phase == "working":
        shown["left"] = duration(progress.left_s)
    if progress.about:
        shown["counts"] = progress.about
    return shown


class MapConsole:
    """Shows progress: one live line on a terminal, a plain line now and then in a pipe.

    Use as a context around `map_stage(..., on_progress=console.show)`. What takes less than two
    seconds shows nothing.
    """

    QUIET_S = 2.0

    def __init__(self, console: Console | None = None, *, plain_every_s: float = 10.0):
        self._progress = Progress(console or Console(stderr=True), plain_every_s)
        self._began = time.monotonic()
        self._shown = False
        self._notes: Counter[str] = Counter()

    def __enter__(self) -> "MapConsole":
        return self

    def show(self, progress: MapProgress) -> None:
        """Take in the newest moment."""
        for note, times in Counter(progress.notes).items():
            for _ in range(times - self._notes[note]):
                self._progress.say(note)
        self._notes = Counter(progress.notes)
        if not self._shown and time.monotonic() - self._began < self.QUIET_S:
            return
        if not self._shown:
            self._shown = True
            self._progress.__enter__()
        self._progress.show(figures(progress))

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.__exit__(None, None, None)


Show = Callable[[MapProgress], None]
