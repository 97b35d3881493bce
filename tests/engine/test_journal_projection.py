"""What a run will come to: a range that holds the truth although trials grow dearer."""

import random

import pytest

from cairn.core.budget import Amount
from cairn.core.units import duration
from cairn.engine.journal_projection import Projection, Projector, between


def projected(calls, trials, at=100) -> Projection:
    """What is said as soon as `at` calls were made, trials ending in order."""
    projector, spent = Projector(), 0
    for told, cost in enumerate(calls, 1):
        spent += cost
        projector.add(Amount(cost, 10 * cost, 3 * cost))
        if spent >= at:
            total = Amount(spent, 10 * spent, 3 * spent)
            found = projector.project(total, left=trials - told, s_per_trial=2.0)
            assert found is not None
            return found
    raise AssertionError("too few calls")


def test_equal_trials_are_one_number():
    found = projected([4] * 100, 250)
    assert found.least == found.most == Amount(1000, 10_000, 3000)
    assert found.left_s == 2.0 * (250 - 25)


def test_a_map_that_fills_grows_dearer_and_the_truth_lies_within():
    # As Rainbow on an empty map: four calls while cells are empty, eight with a contest.
    draw = random.Random(1)
    calls = [8 if draw.random() < min(0.1 + trial / 100, 0.8) else 4 for trial in range(500)]
    found = projected(calls, 500)
    mean = sum(calls[:20]) / 20 * 500
    truth = sum(calls)
    assert mean < 0.75 * truth, "the mean since the start is what was said before"
    assert found.least.calls <= truth <= found.most.calls <= 3 * found.least.calls
    later = projected(calls, 500, at=1500)
    assert later.least.calls <= truth <= later.most.calls <= 1.3 * later.least.calls


def test_there_is_none_before_enough_calls():
    projector = Projector()
    assert projector.project(Amount(500), left=3, s_per_trial=1.0) is None
    projector.add(Amount(10))
    assert projector.project(Amount(99), left=3, s_per_trial=1.0) is None
    assert projector.project(Amount(100), left=3, s_per_trial=1.0) is not None


def test_the_latest_half_counts_and_what_is_long_past_is_forgotten():
    found = projected([100] + [2] * 60, 100, at=200)
    assert found.least.calls == 200 + 2 * 49 and found.most.calls == 200 + 100 * 49
    many = Projector()
    many.add(Amount(50))
    for _ in range(1000):
        many.add(Amount(1))
    late = many.project(Amount(1050), left=10, s_per_trial=1.0)
    assert late is not None and late.most.calls == 1060


@pytest.mark.parametrize(
    "calls, misses", [((100, 200), False), ((201, 300), True), ((1, 99), True)]
)
def test_a_later_projection_may_take_the_first_back(calls, misses):
    first = Projection(Amount(100), Amount(200), 1.0)
    assert first.misses(Projection(*map(Amount, calls), left_s=1.0)) is misses


def test_ranges_and_durations_read_well():
    assert [between(3, 3), between(3, 5), between(0.001, 0.004, ".2f")] == ["3", "3 to 5", "0.00"]
    assert [duration(s) for s in (0.4, 59, 185, 7620)] == ["0s", "59s", "3m05s", "2h07m"]
