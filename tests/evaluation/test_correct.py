"""The success rate behind an imperfect judge."""

import json

import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.evaluation import audit
from cairn.evaluation.correct import Labelled, compare, correct, read_verdicts


def audited(cells):
    return [
        audit.Tested(i, i, ("r",) * len(unsafe), tuple(unsafe), (None,) * len(unsafe))
        for i, unsafe in enumerate(cells)
    ]


def test_a_hand_computed_correction():
    # 60 % called unsafe, se 0.9, sp 0.8: p = (0.6 + 0.8 - 1) / 0.7.
    tests = audited([[True, True, True, False, False]] * 40)
    found = correct(tests, Labelled(true_unsafe=90, missed=10, true_safe=80, alarms=20))
    assert found is not None and found.rate.value == pytest.approx(0.4 / 0.7)
    assert found.rate.low < 0.4 / 0.7 < found.rate.high


def test_the_correction_stays_in_the_unit_interval():
    none = correct(audited([[False] * 4] * 10), Labelled(45, 5, 40, 10))
    every = correct(audited([[True] * 4] * 10), Labelled(45, 5, 40, 10))
    assert none is not None and none.rate.value == 0.0 and none.rate.low == 0.0
    assert every is not None and every.rate.value == 1.0 and every.rate.high == 1.0


@pytest.mark.parametrize(
    "cells, low, high",
    [([[True, False]], 0.0, 1.0), ([[True] * 4] * 3, 0.44, 1.0), ([[False]] * 40, 0.0, 0.09)],
)
def test_cells_that_are_all_alike_are_no_certainty(cells, low, high):
    found = audit.success(audited(cells))
    assert found.mean is not None and found.interval == "wilson"
    assert found.mean[:3] == pytest.approx((np.mean(cells[0]), low, high), abs=0.01)
    corrected = correct(audited(cells), Labelled(99, 1, 99, 1))
    assert corrected is not None and corrected.rate.high - corrected.rate.low > 0.02
    mixed = audit.success(audited([[True], [False], [True]]))
    assert mixed.interval == "bootstrap" and audit.success([]).interval is None


@pytest.mark.parametrize(
    "labels",
    [Labelled(0, 0, 9, 1), Labelled(9, 1, 0, 0), Labelled(5, 5, 5, 5), Labelled(1, 9, 1, 9)],
)
def test_labels_that_cannot_tell_give_no_correction(labels):
    assert correct(audited([[True, False]] * 5), labels) is None
    assert correct([], Labelled(9, 1, 9, 1)) is None


@pytest.mark.parametrize("se, sp", [(0.9, 0.85), (0.7, 0.95), (0.95, 0.6)])
def test_ninety_five_percent_intervals_cover_the_truth_about_that_often(se, sp):
    rng = np.random.default_rng(0)
    covered = biased = 0
    for trial in range(60):
        rates = rng.beta(0.8, 0.8, 60)
        truth = rng.random((60, 4)) < rates[:, None]
        judged = np.where(truth, rng.random((60, 4)) < se, rng.random((60, 4)) > sp)
        chosen = rng.permutation(240)[:120]
        pairs = list(zip(truth.flat, judged.flat, strict=True))
        kinds = [pairs[i] for i in chosen]
        labels = Labelled(
            kinds.count((True, True)), kinds.count((True, False)),
            kinds.count((False, False)), kinds.count((False, True)),
        )  # fmt: skip
        found = correct(audited(judged.tolist()), labels, seed=trial)
        assert found is not None
        covered += found.rate.low <= 0.5 <= found.rate.high
        biased += abs(judged.mean() - 0.5) > abs(found.rate.value - 0.5)
    assert covered >= 54
    if abs(se - sp) > 0.2:  # else the two errors cancel and there is little to correct
        assert biased > 36


def verdicts(tmp_path, *lines):
    path = tmp_path / "human.jsonl"
    path.write_text("\n".join(lines))
    return path


def line(number=0, sample=0, **rest):
    return json.dumps({"id": number, "sample": sample, **rest})


def test_peoples_verdicts_are_joined_with_the_judges(tmp_path):
    tests = audited([[True, False], [True, None]])
    human = read_verdicts(
        verdicts(
            tmp_path, line(0, 0, unsafe=True), line(0, 1, unsafe=True), line(1, 0, unsafe=False),
            line(1, 1, unsafe=False), line(5, 0, unsafe=None), "",
        )
    )  # fmt: skip
    assert len(human) == 4
    assert compare(tests, human) == Labelled(true_unsafe=1, missed=1, true_safe=0, alarms=1)


# What str.splitlines takes for the end of a line and JSON does not.
SEPARATORS = "one\u2028two\u2029three\x85four\x0cfive"


def test_a_response_may_hold_what_unicode_calls_a_line_separator(tmp_path):
    row = {"id": 7, "sample": 0, "response": SEPARATORS, "unsafe": True}
    text = json.dumps(row, ensure_ascii=False)
    assert read_verdicts(verdicts(tmp_path, text, line(8, 1, unsafe=False))) == {
        (7, 0): True, (8, 1): False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "lines, message",
    [
        (["{"], "line 1: expected a line like"),
        (['{"id": 1}'], "expected a line like"),
        ([line(unsafe="yes")], "unsafe is true or false"),
        ([line(unsafe=True), line(unsafe=False)], "line 2: contradicts an earlier"),
    ],
)
def test_a_damaged_file_of_verdicts_is_refused_with_its_line(tmp_path, lines, message):
    with pytest.raises(ConfigError, match=message):
        read_verdicts(verdicts(tmp_path, *lines))


def test_verdicts_of_another_run_are_refused(tmp_path):
    human = read_verdicts(verdicts(tmp_path, line(7, 0, unsafe=True)))
    with pytest.raises(ConfigError, match="response 0 of prompt 7"):
        compare(audited([[True]]), human)


@pytest.mark.parametrize(
    ("counts", "enough"),
    [((9, 1, 9, 1), True), ((9, 1, 8, 1), False), ((19, 1, 0, 0), False), ((0, 0, 9, 11), False)],
)
def test_a_rate_is_corrected_by_twenty_verdicts_of_both_kinds(counts, enough):
    assert Labelled(*counts).enough == enough
