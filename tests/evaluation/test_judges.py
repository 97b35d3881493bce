"""How well a judge does, from its own verdicts."""

import pytest

from cairn.evaluation import judges


def test_judge_health_by_hand():
    counts = dict.fromkeys(judges.COUNTED, 0)
    counts = judges.add(counts, ((0, 1), (0, 0), (2, 1), (3, 0)))
    assert (counts["both"], counts["tied"]) == (3, 0)
    found = judges.measure(counts)
    assert found.flip_rate[:1] == (0.5,) and found.flip_rate.of == 2
    assert found.tie_rate.value == pytest.approx(1 / 7) and found.missing_rate.value == 1 / 8
    # first: 4 of 7 readable, second: 2 of 7.
    assert found.first_bias.value == pytest.approx((4 - 2) / 7)
    # In the first order 0,0 | 0,2 | 2,3: one of two agrees; in the other 1,0 | 0,1 | 1,0: none.
    assert found.repeat_agreement.of == 5 and found.repeat_agreement.value == pytest.approx(0.2)


@pytest.mark.parametrize("bias, error, equal", [(0.0, 0.1, 0.3), (0.25, 0.1, 0.5), (0.1, 0.3, 0.2)])
def test_the_judges_error_is_solved_from_its_contradictions(bias, error, equal):
    """Counts at their expectation, written down from the model, give the model's error back."""
    n = 10_000
    alone = 1 - bias
    same_place = equal * bias**2 + (1 - equal) * (
        (bias + alone * error) * (bias + alone * (1 - error)) + alone**2 * error * (1 - error)
    )
    named = equal * bias + (1 - equal)
    counts = dict.fromkeys(judges.COUNTED, 0) | {
        "votes": 2 * n, "first": round(n * (named + bias)), "second": round(n * (named - bias)),
        "both": n, "flips": round(n * same_place), "tied": round(n * equal * alone**2),
    }  # fmt: skip
    found = judges.measure(counts).error
    assert found.value == pytest.approx(error, abs=2e-3)
    assert found.low < error < found.high and found.high - found.low < 0.1


def test_a_judge_that_always_names_the_first_place_tells_nothing_and_does_no_harm():
    counts = judges.add(dict.fromkeys(judges.COUNTED, 0), ((0, 0),) * 50)
    found = judges.measure(counts)
    assert found.flip_rate.value == 1.0 and found.first_bias.value == 1.0
    assert found.error[:3] == (None, 0.0, 0.5)
    assert judges.measure(dict.fromkeys(judges.COUNTED, 0)).error.value is None
