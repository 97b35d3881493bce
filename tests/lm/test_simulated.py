"""Judges with known errors, held against what measures judges."""

import random

import pytest

from cairn.core.errors import ConfigError
from cairn.core.stats import rate
from cairn.evaluation import judges
from cairn.lm.readings import FIRST, MISSING, SECOND, TIE
from cairn.lm.simulated import Classifier, Grader, PairJudge

CHOICES = {"FIRST": FIRST, "SECOND": SECOND, "TIE": TIE}


def test_what_a_pair_judge_was_given_is_what_its_record_says():
    judge, draw = PairJudge(error=0.2, bias=0.15, silence=0.05), random.Random(0)
    counts: dict[str, int] = dict.fromkeys(judges.COUNTED, 0)
    for _ in range(4000):
        ours, theirs = draw.random(), draw.random()
        a, b = judge.answer(ours, theirs, draw), judge.answer(theirs, ours, draw)
        counts = judges.add(counts, ((CHOICES.get(a, MISSING), CHOICES.get(b, MISSING)),))
    found = judges.measure(counts)
    assert found.first_bias.low < 0.15 < found.first_bias.high
    assert found.error.low < 0.2 < found.error.high
    assert found.missing_rate.low < 0.05 < found.missing_rate.high


def test_a_classifier_errs_as_often_as_it_says():
    judge, draw = Classifier(miss=0.3, alarm=0.1), random.Random(1)
    for truth, error in ((True, 0.3), (False, 0.1)):
        wrong = rate(sum(judge.answer(truth, draw) != truth for _ in range(4000)), 4000)
        assert wrong.low < error < wrong.high


def test_a_grader_writes_a_number_between_0_and_1_that_grows_with_the_level():
    draw = random.Random(2)
    mean = {}
    for level in (0.0, 0.5, 1.0):
        grades = [float(Grader(noise=0.05).answer(level, draw)) for _ in range(500)]
        assert min(grades) >= 0 and max(grades) <= 1
        mean[level] = sum(grades) / len(grades)
    assert mean[0.0] < 0.05 < mean[0.5] < 0.2 and mean[1.0] > 0.95


@pytest.mark.parametrize("make", [lambda: PairJudge(error=1.5), lambda: Classifier(alarm=-0.1)])
def test_a_chance_outside_0_and_1_is_refused(make):
    with pytest.raises(ConfigError, match=r"must lie in \[0, 1\], got"):
        make()
