"""Checks that ask a model, on scripted models with known habits; canaries and what is missed."""

import asyncio
import re

import pytest

import cairn
from cairn.lm.scripted import ScriptedModel
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.checks.canaries import WRITINGS, canary, miss_rates, planted, written
from cairn.refine.checks.catalogue import check
from cairn.refine.checks.haystack import Haystack
from cairn.refine.checks.private import Leak
from cairn.refine.spans import Span

ORIGINAL = "Ann Miller paid 40 euros on Monday. The van broke down."
PRIVATE = (Span(0, 10, "PERSON"),)
REWRITE = "Eva Stone paid 40 euros on Monday. The van broke down."
PAIR = Pair(ORIGINAL, REWRITE, PRIVATE, {"Ann Miller": "Eva Stone"})


def asked(tmp_path, script, name, pair=PAIR, **settings):
    """What a check says with a scripted verifier, through a real map: reason, "" or what failed."""
    checking = check(name, settings)

    async def work(item, clients, key):
        failure = await checking(pair, clients)
        return failure.reason if failure else ""

    mapped = cairn.map(
        work, source=["x"], sink=None, run=tmp_path / "run",
        models={"verifier": ScriptedModel(script, name="verifier")},
    )  # fmt: skip
    return next(iter(mapped.outcomes()))


def part(request, tag):
    """What stands between a request's tags."""
    text = request.messages[-1].content
    match = re.search(rf"<{tag}-([0-9a-f]{{8}})>(.*)</{tag}-\1>", text, re.S)
    assert match
    return match[2]


def test_a_verifier_sees_both_texts_and_its_own_words_are_not_passed_on(tmp_path):
    seen = {}

    def script(request, key):
        seen.update(original=part(request, "original"), rewrite=part(request, "rewrite"))
        return "Ann Miller lives there.\nLEAK: PERSON, EMAIL_ADDRESS, NONSENSE"

    said = asked(tmp_path, script, "verifier").value
    assert said == "A reader still finds of the original: EMAIL_ADDRESS, PERSON. Replace it."
    assert seen == {"original": ORIGINAL, "rewrite": REWRITE}


def test_a_verifier_that_says_clean_passes_and_one_without_a_verdict_fails_the_item(tmp_path):
    assert asked(tmp_path / "a", lambda request, key: "Fine.\n**CLEAN**", "verifier").value == ""
    silent = asked(tmp_path / "b", lambda request, key: "It has its merits.", "verifier")
    assert silent.kind == "failed" and "expected CLEAN or LEAK" in silent.value["message"]


def reader(request, key):
    """Asks two questions, and answers them by looking the words up."""
    if "You write questions" in request.messages[-1].content:
        return "1. How much was paid?\n2. What broke down?\nThat is all."
    text = part(request, "text")
    amount = re.search(r"\d+ euros", text)
    return f"1. {amount[0] if amount else 'NONE'}\n2. {'the van' if 'van' in text else 'NONE'}"


def test_facts_that_are_kept_pass_and_those_that_are_lost_are_counted(tmp_path):
    assert asked(tmp_path / "a", reader, "facts").value == ""
    lost = PAIR._replace(rewrite="Eva Stone paid 50 euros on Monday. It broke down.")
    said = asked(tmp_path / "b", reader, "facts", lost).value
    assert said.startswith("Of 2 facts of the original, 2 are lost or changed.")
    half = PAIR._replace(rewrite="Eva Stone paid 40 euros on Monday. It broke down.")
    assert asked(tmp_path / "c", reader, "facts", half, least=0.5).value == ""
    assert "1 are lost" in asked(tmp_path / "d", reader, "facts", half).value


def test_a_canary_is_read_in_every_writing_and_its_place_is_known():
    import random

    draw = random.Random(1)
    values = {canary(draw) for _ in range(1000)}
    assert len(values) == 1000
    value = canary(draw)
    for writing in WRITINGS:
        text, span = planted("one\ntwo\nthree", value, writing, draw)
        assert text[span.start : span.end] == written(value, writing)
        assert Haystack(text).holds(value), writing
        assert not Haystack("one\ntwo\nthree").holds(value)


PAIRS = [PAIR, PAIR._replace(original="Hi Ann Miller", rewrite="Hi Eva Stone",
                             private=(Span(3, 13, "PERSON"),))] * 10  # fmt: skip


class Blind:
    """Sees what stands there as it is."""

    name = "blind"

    async def __call__(self, pair, clients):
        values = (pair.original[s.start : s.end] for s in pair.private)
        return Failure("blind", "left") if any(v in pair.rewrite for v in values) else None


def test_the_miss_rate_of_a_check_is_found_by_canaries():
    seen = asyncio.run(miss_rates(Leak(), PAIRS, {}))
    assert all(found.value == 0 for found in seen.values())
    blind = asyncio.run(miss_rates(Blind(), PAIRS, {}))
    assert {writing: rate.value for writing, rate in blind.items()} == {
        "plain": 0.0, "spaced": 1.0, "look-alikes": 1.0, "backwards": 1.0, "base64": 1.0
    }  # fmt: skip


@pytest.mark.parametrize("value", ["CN-AB2C-DE3F-GH4J"])
def test_planted_canaries_are_counted_by_their_check(value):
    checking = check("canaries", {"values": [value, "CN-ZZZZ-ZZZZ-ZZZ9"]})
    found = asyncio.run(checking(Pair("x", f"so {value[::-1]} it is"), {}))
    assert found == Failure("canaries", "1 ID_NUMBER of the original can still be read. Replace "
                            "each of them.")  # fmt: skip
    assert asyncio.run(checking(Pair("x", "y"), {})) is None
