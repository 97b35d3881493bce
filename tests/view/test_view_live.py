"""Following what changes: pushed once, looked up seldom, and not at all when nobody looks."""

import asyncio
import json

import pytest

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


def test_what_is_gone_is_not_sent_to_a_page_that_comes_later():
    found = {"a": "1", "b": "1"}

    async def follow():
        feeds = Feeds(least_s=0.01)
        first = feeds.stream("k", lambda: dict(found))
        await after(first)
        del found["b"]
        found["a"] = "2"
        assert await after(first) == {"a": "2"}
        second = feeds.stream("k", lambda: dict(found))
        assert await after(second) == {"a": "2"}
        await first.aclose()
        await second.aclose()

    asyncio.run(follow())


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


def waits_of(monkeypatch, takes: list[float], things: int = 1) -> list[float]:
    """How long is waited after looks that take so many processor seconds each."""
    waits = []
    sleep = asyncio.sleep
    clock = iter([time for took in takes for time in (100.0, 100.0 + took)])

    async def noted(wait):
        waits.append(wait)
        await (sleep(0) if len(waits) < len(takes) else asyncio.Event().wait())

    async def follow():
        feeds = Feeds()
        streams = [feeds.stream(str(i), lambda: {"a": "1"}) for i in range(things)]
        for stream in streams:
            await anext(stream)
        monkeypatch.setattr(live.asyncio, "sleep", noted)
        monkeypatch.setattr(live.time, "thread_time", lambda: next(clock))
        while len(waits) < len(takes):
            await sleep(0.001)
        for stream in streams:
            await stream.aclose()

    asyncio.run(follow())
    return waits


def test_the_wait_is_a_hundred_times_what_a_look_takes_of_a_processor(monkeypatch):
    assert waits_of(monkeypatch, [0.05, 0.05, 0.07, 1.0]) == pytest.approx([2, 5, 5, 7])


def test_the_first_look_which_reads_everything_does_not_count(monkeypatch):
    assert waits_of(monkeypatch, [60.0, 0.04]) == pytest.approx([2, 4])


def test_however_many_things_are_followed_all_looking_takes_a_hundredth(monkeypatch):
    waits = waits_of(monkeypatch, [0.05] * 6, things=2)
    assert sorted(waits) == pytest.approx([2, 2, 10, 10, 10, 10])


def test_no_wait_is_longer_than_five_minutes(monkeypatch):
    assert waits_of(monkeypatch, [60.0, 60.0])[1] == 300


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
