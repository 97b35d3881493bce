"""An id that occurs twice is found, among any number, in little memory."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.engine import map_shards
from cairn.engine.map_ids import SeenIds
from cairn.engine.map_items import DuplicateIdError
from cairn.engine.map_shards import survey
from cairn.engine.map_sources import Items


@given(st.lists(st.lists(st.sampled_from([str(i) for i in range(40)]), max_size=8), max_size=12))
def test_every_second_occurrence_is_found_and_nothing_else(batches):
    seen, before = SeenIds(), set()
    for batch in batches:
        twice = set()
        for name in batch:
            if name in before:
                twice.add(name)
            before.add(name)
        assert set(seen.add(batch)) == twice


def test_eight_bytes_an_id_in_few_arrays():
    seen = SeenIds()
    for start in range(0, 100_000, 1000):
        assert seen.add([str(i) for i in range(start, start + 1000)]) == []
    assert sum(level.nbytes for level in seen._levels) == 800_000
    assert len(seen._levels) <= 8
    assert seen.add(["77", "100001"]) == ["77"]


def test_an_id_that_occurs_twice_is_named_with_both_places():
    source = Items([{"id": 1}, {"id": "x"}, {"id": "1"}], "id")
    with pytest.raises(DuplicateIdError, match="id '1' occurs twice, in records 0 and 2"):
        asyncio.run(survey(source, 2, [0]))


def test_a_mere_collision_of_digests_is_no_duplicate(monkeypatch):
    monkeypatch.setattr("cairn.engine.map_ids._digest", lambda name: 0)
    found = asyncio.run(survey(Items([1, 2, 3]), 2, [0]))
    assert found.items == 3 and len(found.digests) == 2


def test_the_digest_of_a_source_knows_where_a_record_ends():
    a = asyncio.run(survey(Items(["ab", "c"]), 10, [0]))
    b = asyncio.run(survey(Items(["a", "bc"]), 10, [0]))
    assert a.digest != b.digest and map_shards.Survey(2, a.digests) == a
