"""Word-level BLEU, against hand-computed values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.evaluation.bleu import bleu, self_bleu, words

TEXT = st.lists(st.sampled_from(["the", "cat", "sat", "on", "a", "mat", "today"]), max_size=9).map(
    " ".join
)


def test_words_are_words_and_marks_and_never_characters():
    assert words("Don't stop, Ann!") == ["don", "'", "t", "stop", ",", "ann", "!"]


def test_a_hand_computed_value():
    # Words in common 5 of 6; pairs 4 of 5, triples 3 of 4, fours 2 of 3, each with one added.
    expected = (5 / 6 * 5 / 6 * 4 / 5 * 3 / 4) ** 0.25
    assert bleu("the cat sat on the rug", ["the cat sat on the mat"]) == pytest.approx(expected)


def test_repeated_words_are_clipped_and_short_candidates_penalised():
    # "the" counts twice at most: 2 of 4; no pair is in common, so 1 of 4, 1 of 3, 1 of 2.
    clipped = (2 / 4 * 1 / 4 * 1 / 3 * 1 / 2) ** 0.25
    assert bleu("the the the the", ["the cat the mat"]) == pytest.approx(clipped)
    whole, half = "a b c d e f g h", "a b c d"
    assert bleu(half, [whole]) == pytest.approx(math.exp(1 - 8 / 4))


def test_letters_in_common_are_nothing_in_common():
    assert bleu("stale tales", ["least slate"]) == 0.0
    assert bleu("", ["a b"]) == bleu("a b", []) == bleu("a b", [""]) == 0.0


@given(TEXT, TEXT)
def test_bleu_lies_in_the_unit_interval_and_is_one_for_a_copy(a, b):
    assert 0.0 <= bleu(a, [b]) <= 1.0 + 1e-12
    assert bleu(a, [a]) == pytest.approx(1.0 if a else 0.0)


def test_self_bleu_of_copies_is_one_and_of_strangers_zero():
    assert self_bleu(["a b c d"] * 3) == pytest.approx(1.0)
    assert self_bleu(["a b", "c d", "e f"]) == 0.0
    assert self_bleu(["alone"]) is None
