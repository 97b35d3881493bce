"""Following what changes: pushed once, looked up seldom, and not at all when nobody looks."""

import asyncio
import json
import time

from cairn.core.errors import RunError
from cairn.view import live
from cairn.view.live import Feeds


def fragments(event: str) -> dict[str, str]:
    kind, data = event.rstrip("\n").split("\n")
    assert kind == "event: fragments"
    return json.loads(data.removeprefix("data: "))


async def after(stream) -> dict[str, str]:
    """The fragments of the next event, which must come soon."""
    while True:
        event = await asyncio.wait_for(anext(stream), 5)
        if event.startswith("event: "):
            return fragments(event)


def test_what_changes_is_pushed_and_nothing_else():
    found = {"a": "1", "b": "1"}

    async def follow():
        stream = Feeds(least_s=0.01).stream("k", lambda: dict(found))
        assert await after(stream) == {"a": "1", "b": "1"}
        found["b"] = "2\n<b>"
        assert await after(stream) == {"b": "2\n<b>"}
        await stream.aclose()

    asyncio.run(follow())


def test_a_page_that_comes_later_gets_everything_from_the_same_look():
    looks = []

    def look():
        looks.append(1)
        return {"a": "1"}

    async def follow():
        feeds = Feeds(least_s=60)
        first, second = feeds.stream("k", look), feeds.stream("k", look)
        assert await after(first) == await after(second) == {"a": "1"}
        assert feeds.followed == 1
        await first.aclose()
        await second.aclose()
        assert feeds.followed == 0

    asyncio.run(follow())
    assert len(looks) == 1


def test_nothing_is_looked_up_when_nobody_looks_any_more():
    looks = []

    async def follow():
        stream = Feeds(least_s=0.001).stream("k", lambda: looks.append(1) or {"a": str(len(looks))})
        await after(stream)
        await stream.aclose()
        await asyncio.sleep(0.01)
        seen = len(looks)
        await asyncio.sleep(0.05)
        assert len(looks) == seen

    asyncio.run(follow())


def test_the_wait_is_a_hundred_times_what_all_looking_takes(monkeypatch):
    waits = []
    sleep = asyncio.sleep

    async def noted(wait):
        waits.append(wait)
        await sleep(0.005)

    def look():
        time.sleep(0.05)
        return {"a": str(len(waits))}

    async def follow():
        monkeypatch.setattr(live.asyncio, "sleep", noted)
        feeds = Feeds()
        first, second = feeds.stream("k", look), feeds.stream("l", look)
        await after(first)
        await after(second)
        await after(first)
        await first.aclose()
        await second.aclose()

    asyncio.run(follow())
    assert min(waits) >= 100 * 0.05
    assert max(waits) >= 2 * 100 * 0.05, "two things are followed: each waits twice as long"


def test_a_quick_look_waits_two_seconds(monkeypatch):
    waits = []

    async def noted(wait):
        waits.append(wait)
        await asyncio.Event().wait()

    async def follow():
        monkeypatch.setattr(live.asyncio, "sleep", noted)
        stream = Feeds().stream("k", lambda: {"a": "1"})
        await after(stream)
        await stream.aclose()

    asyncio.run(follow())
    assert waits == [2.0]


def test_a_look_that_fails_is_told_and_the_next_goes_on():
    answers = iter([RunError("the run was deleted"), ZeroDivisionError("secret"), {"a": "1"}])

    def look():
        answer = next(answers, {"a": "1"})
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def follow():
        stream = Feeds(least_s=0.01).stream("k", look)
        assert await after(stream) == {"connection": "the run was deleted"}
        told = await after(stream)
        assert "stands still" in told["connection"] and "secret" not in told["connection"]
        assert await after(stream) == {"a": "1"}
        await stream.aclose()

    asyncio.run(follow())


def test_a_connection_is_felt_now_and_then_and_ends_with_the_server():
    async def follow():
        feeds = Feeds(least_s=60, beat_s=0.01)
        stream = feeds.stream("k", lambda: {"a": "1"})
        await after(stream)
        assert await asyncio.wait_for(anext(stream), 5) == ": still here\n\n"
        feeds.end()
        rest = [event async for event in stream]
        assert len(rest) <= 1 and feeds.followed == 0

    asyncio.run(follow())


def test_no_more_is_followed_than_can_be(monkeypatch):
    monkeypatch.setattr(live, "MOST", 1)

    async def follow():
        feeds = Feeds(least_s=60)
        first, second = feeds.stream("k", lambda: {"a": "1"}), feeds.stream("l", lambda: {})
        await after(first)
        assert "Too many" in (await after(second))["connection"]
        await first.aclose()

    asyncio.run(follow())
