"""What changes while it is looked at, pushed to the page: server-sent events.

However many pages look at the same thing, it is looked up once a round; nothing is looked up when
nobody looks. A round waits a hundred times as long as the last one took of a processor, so that all
looking together takes one hundredth of a core, beside whatever is training.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping

from cairn.core.errors import CairnError
from cairn.view.web import run_in_threadpool

LEAST_S = 2.0
"""Shortest wait between two looks."""
SHARE = 100
"""How many times as long as it took until it is done again."""
LONGEST_S = 300.0
"""Longest wait, however long a look took."""
BEAT_S = 15.0
"""A comment is sent so often where nothing changes: a connection that is gone is found out."""
MOST = 64
"""Things that are looked at together."""
CONNECTION = "connection"
"""The fragment that says what is wrong with following."""

Look = Callable[[], Mapping[str, str]]
"""Fragments of a page by the id of the element they stand in. Called in a thread."""
logger = logging.getLogger(__name__)


class _Feed:
    """One thing that somebody looks at."""

    def __init__(self, look: Look):
        self.look = look
        self.fragments: dict[str, tuple[int, str]] = {}
        self.number = 0
        """Of the newest look in which something changed."""
        self.watchers: set[asyncio.Event] = set()
        self.task: asyncio.Task[None] | None = None

    def take(self, found: Mapping[str, str]) -> None:
        """Keep what was found, and wake whoever waits if any of it is new."""
        old = self.fragments
        fresh = {n: text for n, text in found.items() if n not in old or old[n][1] != text}
        self.number += bool(fresh)
        kept = {name: pair for name, pair in old.items() if name in found}
        self.fragments = kept | {name: (self.number, text) for name, text in fresh.items()}
        if fresh:
            self.wake()

    def since(self, number: int) -> dict[str, str]:
        """What is newer than a look."""
        return {name: text for name, (at, text) in self.fragments.items() if at > number}

    def wake(self) -> None:
        for watcher in self.watchers:
            watcher.set()


class Feeds:
    """Everything that is looked at now, by its address."""

    def __init__(self, least_s: float = LEAST_S, beat_s: float = BEAT_S):
        self._least_s = least_s
        self._beat_s = beat_s
        self._feeds: dict[str, _Feed] = {}
        self._one_at_a_time = asyncio.Lock()
        self.ended = asyncio.Event()
        """Set when the server is about to end."""

    @property
    def followed(self) -> int:
        """How many things are looked at now."""
        return len(self._feeds)

    def end(self) -> None:
        """All streams end now. May be called by the handler of a signal."""
        self.ended.set()
        for feed in self._feeds.values():
            feed.wake()

    async def stream(self, key: str, look: Look) -> AsyncIterator[str]:
        """Events for one page: everything there is, then what changes, until the page is gone."""
        if key not in self._feeds and len(self._feeds) >= MOST:
            yield _event({CONNECTION: "Too many pages are followed: this one stands still."})
            return
        feed = self._feeds.setdefault(key, _Feed(look))
        news = asyncio.Event()
        feed.watchers.add(news)
        if feed.task is None:
            feed.task = asyncio.create_task(self._watch(feed))
        try:
            yield "retry: 3000\n\n"
            seen = 0
            while not self.ended.is_set():
                fresh, seen = feed.since(seen), feed.number
                if fresh:
                    yield _event(fresh)
                try:
                    await asyncio.wait_for(news.wait(), self._beat_s)
                except TimeoutError:
                    yield ": still here\n\n"
                news.clear()
        finally:
            feed.watchers.discard(news)
            if not feed.watchers:
                self._feeds.pop(key, None)
                feed.task.cancel()

    async def _watch(self, feed: _Feed) -> None:
        before = 0.0
        while True:
            async with self._one_at_a_time:
                found, took = await run_in_threadpool(_looked, feed.look)
            feed.take(found)
            # Of the last two the cheaper: the first reads what the others go on from.
            wait = SHARE * min(before, took) * len(self._feeds)
            before = took
            await asyncio.sleep(min(max(self._least_s, wait), LONGEST_S))


def _looked(look: Look) -> tuple[Mapping[str, str], float]:
    """What a look finds, or what went wrong (the next may succeed), and its processor seconds."""
    begun = time.thread_time()
    try:
        found = look()
    except (CairnError, OSError) as error:
        found = {CONNECTION: str(error)}
    except Exception:
        logger.exception("A page that is looked at could not be made anew")
        found = {CONNECTION: "This page could not be made anew, and stands still."}
    return found, time.thread_time() - begun


def _event(fragments: Mapping[str, str]) -> str:
    # JSON has no line breaks of its own, so the event is one line whatever the texts hold.
    return f"event: fragments\ndata: {json.dumps(fragments)}\n\n"
