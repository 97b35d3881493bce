"""What needs JAX is made by one process beside the server, and asked for here.

The server itself opens no run: it asks `Hands` for a panel, and gets HTML, pictures and tables. The
process is started when something is wanted, does one thing at a time, and ends when nothing was
wanted for a while. Whatever happens to it, the server goes on.
"""

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from cairn.core.errors import CairnError
from cairn.report.data import Chart
from cairn.view.child import Child, LostError
from cairn.view.jobs import EXPORT, Answer, Job, Made
from cairn.view.offers import Offer, offers
from cairn.view.signature import signature

__all__ = ["Hands", "Made", "Offer", "PanelError", "offers"]

IDLE_S = 120.0
PATIENCE_S = 300.0
KEPT = 32 << 20
"""Bytes of panels that are kept, the last asked for."""
MOST = 2 << 30
"""Bytes of memory after which the process makes room for another."""


class PanelError(CairnError):
    """A panel that could not be made: one line, to be shown in its place."""


@dataclass
class _Wanted:
    """Something to be made, and who waits for it."""

    key: Hashable
    job: Job | Chart
    future: "Future[Made]" = field(default_factory=Future)
    waiting: int = 0


class Hands:
    """One process that makes panels. Any event loop may ask; a thread of its own talks to it."""

    def __init__(self, *, idle_s: float = IDLE_S, patience_s: float = PATIENCE_S, keep: int = KEPT):
        self._idle_s, self._patience_s = idle_s, patience_s
        self._kept = _Kept(keep)
        self._turn = threading.Condition()
        self._queue: OrderedDict[Hashable, _Wanted] = OrderedDict()
        self._now: _Wanted | None = None
        self._thread: threading.Thread | None = None
        self._child: Child | None = None
        self._closed = False

    async def make(
        self,
        path: Path,
        panel: str,
        arguments: Mapping[str, str],
        at: str | None,
        *,
        first: bool = False,
    ) -> Made:
        """A panel of the run at `path`, as it is now.

        `arguments` are those in the address of the page; `at` is the run's name in the addresses
        of pictures and tables, None to have them in the HTML. Equal panels are made once, and kept
        until the run changes. The panel `export` is the whole run as one file. `first`: before
        everything that waits, since a person asked for it.

        Raises PanelError with one line that says why there is none.
        """
        job = Job(path, panel, dict(arguments), at)
        if panel == EXPORT:  # of everything, curves too: never the same for long
            return await self._want(object(), job)
        now = await asyncio.to_thread(signature, path)
        key = (path, panel, tuple(sorted(arguments.items())), at, now)
        return await self._want(key, job, first=first)

    async def draw(self, chart: Chart) -> bytes:
        """A chart as PNG, by Matplotlib. Raises PanelError."""
        made = await self._want(object(), chart)
        return next(iter(made.images.values()))

    @property
    def process(self) -> int | None:
        """The number of the process, while there is one."""
        with self._turn:
            return None if self._child is None else self._child.pid

    async def close(self) -> None:
        """End the process, busy or not. Whoever waits gets PanelError."""
        with self._turn:
            self._closed = True
            thread = self._thread
            if self._child is not None:
                self._child.kill()
            self._turn.notify_all()
        if thread is not None:
            await asyncio.to_thread(thread.join)

    async def _want(self, key: Hashable, job: Job | Chart, *, first: bool = False) -> Made:
        with self._turn:
            if self._closed:
                raise PanelError("The server is closing.")
            found = self._kept.get(key)
            if found is not None:
                return found
            wanted = self._queue.get(key)
            if wanted is None and self._now is not None and self._now.key == key:
                wanted = self._now
            if wanted is None:
                wanted = self._queue[key] = _Wanted(key, job)
            wanted.waiting += 1
            if first and key in self._queue:
                self._queue.move_to_end(key, last=False)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="hands", daemon=True)
                self._thread.start()
            self._turn.notify_all()
        try:
            return await _mine(wanted.future)
        finally:
            with self._turn:
                wanted.waiting -= 1

    def _work(self) -> None:
        """Of the thread: one thing after the other, until nothing was wanted for a while."""
        while (wanted := self._next()) is not None:
            try:
                made = self._do(wanted.job)
            except PanelError as error:
                wanted.future.set_exception(error)
            else:
                if isinstance(wanted.job, Job) and wanted.job.panel != EXPORT:
                    with self._turn:
                        self._kept.put(wanted.key, made)
                wanted.future.set_result(made)
            with self._turn:
                self._now = None

    def _next(self) -> _Wanted | None:
        with self._turn:
            until = time.monotonic() + self._idle_s
            while not self._closed:
                while self._queue:
                    _, wanted = self._queue.popitem(last=False)
                    if wanted.waiting:  # else all who wanted it have gone
                        self._now = wanted
                        return wanted
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._turn.wait(left)
            for wanted in self._queue.values():
                wanted.future.set_exception(PanelError("The server is closing."))
            self._queue.clear()
            self._drop()
            self._thread = None
            return None

    def _do(self, job: Job | Chart) -> Made:
        try:
            answer = self._ask(job)
        except Exception as error:
            # Lost; or an answer that cannot be read, after which none can be trusted.
            with self._turn:
                self._drop()
            lost = isinstance(error, LostError)
            raise PanelError(str(error) if lost else f"{type(error).__name__}: {error}") from error
        if answer.memory > MOST:
            with self._turn:
                self._drop()
        if answer.kind == "refused":
            raise PanelError(answer.what)
        if answer.kind == "failed":
            raise PanelError(f"This panel cannot be made: {answer.what}.")
        return answer.what

    def _ask(self, job: Job | Chart) -> Answer:
        with self._turn:
            if self._closed:
                raise LostError("The server is closing.")
            if self._child is not None and self._child.ended:
                self._drop()  # while nothing was asked of it
            if self._child is None:
                self._child = Child()
            child = self._child
        return child.ask(job, self._patience_s)

    def _drop(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def _mine(made: "Future[Made]") -> "asyncio.Future[Made]":
    """What becomes of it, for one who waits and may give up: others wait on."""
    loop = asyncio.get_running_loop()
    mine: asyncio.Future[Made] = loop.create_future()

    def settle(made: "Future[Made]") -> None:
        error = made.exception()
        if mine.done():
            return
        if error is None:
            mine.set_result(made.result())
        else:
            mine.set_exception(error)

    def tell(made: "Future[Made]") -> None:
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle, made)

    made.add_done_callback(tell)
    return mine


class _Kept:
    """What was made last, up to some bytes."""

    def __init__(self, most: int):
        self._most, self._held = most, 0
        self._made: OrderedDict[Hashable, tuple[Made, int]] = OrderedDict()

    def get(self, key: Hashable) -> Made | None:
        if key not in self._made:
            return None
        self._made.move_to_end(key)
        return self._made[key][0]

    def put(self, key: Hashable, made: Made) -> None:
        texts = [made.html, *made.images.values(), *made.data.values()]
        size = sum(map(len, texts))
        if size > self._most:
            return
        self._made[key] = made, size
        self._held += size
        while self._held > self._most:
            _, (_, gone) = self._made.popitem(last=False)
            self._held -= gone
