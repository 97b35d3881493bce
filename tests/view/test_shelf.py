"""What is kept stays within its bounds, and nothing is used by two threads at once."""

import threading
import time

import pytest

from cairn.view.shelf import Kept, Shelf


def test_the_least_recently_used_leaves_and_is_told():
    left: list[str] = []
    shelf: Shelf[str] = Shelf(2, left.append)
    for key in ("a", "b", "a", "c"):
        with shelf.use(key, lambda key=key: key.upper()) as thing:
            assert thing == key.upper()
    assert left == ["B"]
    shelf.clear()
    assert sorted(left) == ["A", "B", "C"]


def test_a_thing_is_used_by_one_thread_at_a_time_and_closed_when_nobody_has_it():
    events: list[str] = []
    shelf: Shelf[str] = Shelf(1, lambda _: events.append("gone"))

    def use() -> None:
        with shelf.use("a", lambda: "A"):
            events.append("in")
            time.sleep(0.02)
            events.append("out")

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.01)
    with shelf.use("b", lambda: "B"):
        pass
    for thread in threads:
        thread.join()
    assert events[:2] == ["in", "out"] and "gone" in events
    pairs = [event for event in events if event != "gone"]
    assert pairs == ["in", "out"] * 3


def test_what_is_kept_is_found_by_its_content_until_newer_things_take_its_place():
    kept = Kept(most_bytes=10)
    first = kept.keep(b"12345", "csv")
    assert kept.keep(b"12345", "csv") == first and kept.find(first) == b"12345"
    second = kept.keep(b"67890", "png")
    kept.find(first)
    kept.keep(b"x", "png")
    assert kept.find(first) == b"12345"
    with pytest.raises(KeyError):
        kept.find(second)


def test_one_thing_larger_than_all_room_is_kept_alone():
    kept = Kept(most_bytes=2)
    name = kept.keep(b"12345", "csv")
    assert kept.find(name) == b"12345"
