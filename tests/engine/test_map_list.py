"""A map over a list in memory: its outcomes are the state."""

import asyncio

import pytest

from cairn.core.budget import Limits
from cairn.core.errors import RunError
from cairn.core.journal import Journal
from cairn.engine.journaled import Config
from cairn.engine.map_items import DuplicateIdError, Item, Outcome, Reject
from cairn.engine.map_list import map_list, read_list
from cairn.engine.map_sources import Items
from cairn.engine.mapped import map_stage
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel

ITEMS = [Item(name, len(name)) for name in ("a", "bb", "ccc", "dddd")]


class Shop:
    """A model that counts what it is asked."""

    def __init__(self):
        self.asked = []
        self.model = ScriptedModel(self.answer)

    def answer(self, request, key):
        self.asked.append(request.messages[-1].content)
        return f"{request.messages[-1].content} {key.integer(16)}"

    def run(self, path, *, items=ITEMS, stage="test", limits=None, workers=2, **more):
        async def main():
            with Journal(path / "journal.sqlite", config={}) as journal:
                desk = Desk(journal, {"model": Role(Endpoint(self.model))}, limits=limits)
                config = Config(trials=0, workers=workers)
                return await map_list(
                    journal.stage(stage), desk, items, work, config=config, **more
                )

        return asyncio.run(main())


async def work(item, clients, key):
    if item.value == 2:
        raise Reject("two are too many")
    answer = await clients["model"].complete(Request.of(item.id), purpose="say")
    return {"said": answer.text, "drew": key.child("own").integer(8)}


def test_outcomes_come_by_item_whatever_the_workers(tmp_path):
    found = [Shop().run(tmp_path / str(n), workers=n) for n in (1, 4)]
    assert found[0].outcomes == found[1].outcomes and found[0].stopped == "finished"
    first, second, *_ = found[0].outcomes
    assert first is not None and first.kind == "done" and first.value["said"].startswith("a ")
    assert second == Outcome("bb", "rejected", {"error": "Reject", "message": "two are too many"})


class TooLongError(Reject):
    """A reason of its own."""


def test_a_rejection_of_a_class_of_its_own_is_one_all_the_same(tmp_path):
    async def strict(item, clients, key):
        raise TooLongError(f"{item.id} is too long")

    async def both():
        with Journal(tmp_path / "journal.sqlite", config={}) as journal:
            desk = Desk(journal, {})
            listed = await map_list(journal.stage("list"), desk, ITEMS, strict)
            source = [{"id": item.id} for item in ITEMS]
            result = await map_stage(
                journal, desk, stage="map", source=Items(source, "id"), work=strict
            )
            return listed.outcomes, tuple(result.outcomes())

    listed, mapped = asyncio.run(both())
    said = {"error": "TooLongError", "message": "a is too long"}
    assert listed == mapped and listed[0] == Outcome("a", "rejected", said)


def test_a_limit_stops_it_and_a_higher_one_goes_on_without_asking_again(tmp_path):
    shop = Shop()
    found = shop.run(tmp_path, limits=Limits(calls=2), workers=1)
    assert "budget 'run'" in found.stopped and None in found.outcomes
    with Journal.read(tmp_path / "journal.sqlite") as journal:
        half = read_list(journal.stage("test"), ITEMS)
    assert half.outcomes == found.outcomes and half.stopped == "unfinished"
    found = shop.run(tmp_path)
    assert None not in found.outcomes and sorted(shop.asked) == ["a", "ccc", "dddd"]
    assert found.outcomes == Shop().run(tmp_path / "whole").outcomes
    assert shop.run(tmp_path).outcomes == found.outcomes and len(shop.asked) == 3


def test_stages_that_share_answers_ask_once_and_others_for_themselves(tmp_path):
    shop = Shop()
    first = shop.run(tmp_path, stage="one", answers="all")
    again = shop.run(tmp_path, stage="two", answers="all")
    assert first.outcomes == again.outcomes and len(shop.asked) == 3
    shop.run(tmp_path, stage="three")
    assert len(shop.asked) == 6


def test_another_list_and_an_id_that_occurs_twice_are_refused(tmp_path):
    shop = Shop()
    shop.run(tmp_path)
    with pytest.raises(RunError, match="the list changed since this map was begun: item 0 was 'a'"):
        shop.run(tmp_path, items=[replace_id(ITEMS[0], "z"), *ITEMS[1:]])
    with pytest.raises(DuplicateIdError, match="'a' occurs twice"):
        shop.run(tmp_path / "twice", items=[*ITEMS, ITEMS[0]])


def replace_id(item, name):
    return item._replace(id=name)


def test_an_empty_list_is_finished(tmp_path):
    assert Shop().run(tmp_path, items=[]).outcomes == ()
