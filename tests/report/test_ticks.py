"""Marks of an axis are round, few, inside it and told apart; figures are said in little room."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.report.ticks import clock, short, ticks

ENDS = st.floats(-1e12, 1e12).map(lambda end: end or 0.0)


@given(ENDS, st.floats(1e-9, 1e12))
def test_marks_are_round_inside_few_and_have_labels_of_their_own(low, span):
    high = low + span
    if high - low < 1e-6 * max(abs(low), abs(high)):  # no float lies between
        return
    places, labels = ticks(low, high)
    assert 1 <= len(places) <= 6
    assert all(low - 1e-6 * span <= place <= high + 1e-6 * span for place in places)
    assert len(set(labels)) == len(labels)
    if len(places) > 1:
        step = places[1] - places[0]
        lead = step / 10 ** math.floor(math.log10(step) + 1e-6)
        assert min(abs(lead - round_one) for round_one in (1, 2, 5, 10)) < 1e-3


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1.02, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 20.7e6, ["0", "5M", "10M", "15M", "20M"]),
        (0, 3e6, ["0", "1M", "2M", "3M"]),
        (1e6, 1.0001e6, ["1.00000M", "1.00002M", "1.00004M", "1.00006M", "1.00008M", "1.00010M"]),
        (-5.4, 3.2, ["−4", "−2", "0", "2"]),
        (0, 4.1e-7, ["0", "1e-7", "2e-7", "3e-7", "4e-7"]),
        (900, 1100, ["0.90k", "0.95k", "1.00k", "1.05k", "1.10k"]),
    ],
)
def test_marks_that_everybody_knows(low, high, labels):
    assert [text.replace("−", "-") for text in ticks(low, high).labels] == [
        text.replace("−", "-") for text in labels
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.12345, "0.123"), (1.0, "1"), (-4.5, "−4.5"), (950.4, "950"), (1.3e6, "1.3M"),
        (-12_345, "−12k"), (1e18, "1.00e+18"), (2.5e-7, "2.5e-07"), (0.0, "0"), (-0.0, "0"),
        (math.nan, "–"), (math.inf, "–"),
    ],
)  # fmt: skip
def test_a_figure_is_said_in_three_digits(value, said):
    assert short(value) == said


def test_time_has_the_unit_that_suits_its_length():
    spans = [0.5, 119, 121, 7_199, 7_201, 172_799, 172_801]
    names = ["seconds"] * 2 + ["minutes"] * 2 + ["hours"] * 2 + ["days"]
    assert [clock(span).name for span in spans] == names
