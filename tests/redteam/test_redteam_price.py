"""What a run costs at most, said before it starts, against what it really asks."""

from collections import Counter
from dataclasses import replace

import pytest
from redteam_harness import MemoryDesk, config, search

from cairn.archive.text_axes import Categories, Length
from cairn.engine.journaled import Config as Engine
from cairn.redteam import rehearsal
from cairn.redteam.config import Search, Simulation

TRIALS = 20
SMALL = replace(config(2, 2), engine=Engine(trials=TRIALS, lag=4))


def test_a_start_from_nothing_or_from_short_seeds_hides_no_parents_price():
    expected = rehearsal.quote(SMALL)
    for changed in (
        replace(SMALL, search=Search(start=TRIALS)),
        replace(SMALL, seeds=("short",) * TRIALS),
    ):
        assert rehearsal.quote(changed) == expected
    longer = rehearsal.quote(replace(SMALL, seeds=("word " * 500,)))
    assert longer["mutator"].prompt_tokens > expected["mutator"].prompt_tokens + 2000 * TRIALS
    assert longer["target"] == expected["target"], "a seed is rewritten before the target sees it"


def test_prompts_of_other_lengths_than_the_stand_ins_are_contested_too():
    axes = (Categories("risk", ("a", "b")), Length("length", 0, 100, 4))
    assert rehearsal.quote(replace(SMALL, axes=axes))["judge"].calls == 4 * TRIALS


@pytest.fixture
def asked(monkeypatch):
    """Calls by role."""
    counts, plain = Counter(), MemoryDesk.call

    async def call(self, role, *rest):
        counts[role] += 1
        return await plain(self, role, *rest)

    monkeypatch.setattr(MemoryDesk, "call", call)
    return counts


def test_verdicts_that_are_read_again_stay_within_the_worst_case(asked):
    silent = replace(
        SMALL,
        search=Search(similarity=2.0),
        simulation=Simulation(judge_silence=0.8, mutator_refusal=0.0),
    )
    search(silent, trials=TRIALS)
    quotes = rehearsal.quote(silent)
    worst = rehearsal.worst(silent, quotes)
    assert quotes["judge"].calls < asked["judge"] <= worst["judge"].calls
    assert worst["judge"].calls == 3 * quotes["judge"].calls
    assert worst["judge"].prompt_tokens == 3 * quotes["judge"].prompt_tokens
    assert worst["mutator"] == quotes["mutator"] and worst["target"] == quotes["target"]
