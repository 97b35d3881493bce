"""A report of behaviour by hand: figures of seeds, questions asked again, table and picture."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

import house
from cairn.cli import behaviour as command
from cairn.core.errors import ConfigError, RunError
from cairn.core.rundir import RunDir
from cairn.engine.program import Answered
from cairn.evaluation.behaviour_report import summary
from cairn.runs.behaviour import RESULT, WHO, behaviour, look
from cairn.runs.open import Run
from cairn.runs.presets import experiment
from cairn.show import behaviour as panel
from cairn.show import behaviour_sheet
from cairn.show.subject import Subject

N, T = 2, 3


class Asked:
    """Answers by script: of problem p the k-th answer is correct if k is in `right[p]`."""

    def __init__(self, right):
        self.right, self.given, self.calls = right, dict.fromkeys(right, 0), []
        self.tokens = 0

    def __call__(self, problems, key):
        self.calls.append(problems.tolist())
        correct = np.zeros((len(problems), N), bool)
        for row, name in enumerate(problems.tolist()):
            for place in range(N):
                correct[row, place] = self.given[name] in self.right[name]
                self.given[name] += 1
        tokens = np.broadcast_to(np.array([5, 6, 2]), (*correct.shape, T)).copy()
        tokens[~correct] = [7, 2, 0]
        mask = (tokens > 0).astype(np.float32)
        self.tokens += mask.sum()
        logp = -0.5 * mask
        canonical = np.arange(correct.size, dtype=np.uint32).reshape(correct.shape)
        return Answered(
            tokens, mask, correct, correct.astype(np.float32), canonical, ~correct & False, logp,
            logp - 0.1 * mask, 0.3 * mask,
        )  # fmt: skip


@pytest.fixture(scope="module")
def key():
    import jax

    return jax.random.key(0)


def test_problems_are_asked_again_until_two_answers_were_right_or_it_was_enough(key):
    asked = Asked({0: {0, 1, 2}, 1: {1, 5}, 2: {3}, 3: set()})
    seen, tokens = look(asked, np.arange(4), key, 9)
    # Three are left, then as many rows as there are: the first of them twice.
    assert asked.calls[:2] == [[0, 1, 2, 3], [1, 2, 3, 1]]
    assert asked.calls[2] == [2, 3, 2, 3], "the second was right twice among its first six"
    assert seen.answers.correct.tolist() == [
        [True, True],
        [False, True],
        [False, False],
        [False] * 2,
    ]
    assert seen.until.draws.tolist() == [2, 6, 9, 9] and seen.until.passes.tolist() == [2, 2, 1, 0]
    assert seen.until.unbiased.tolist() == pytest.approx([1, 1 / 5, 1 / 9, 0])
    assert seen.until.cut.tolist() == [False, False, True, True]
    assert tokens == asked.tokens


@pytest.fixture(scope="module")
def report(key):
    """Of one seed and of two: as `cairn.runs.behaviour` makes it."""
    usual = {0: {0, 1}, 1: {1}, 2: set(range(9))}
    seeds = [look(Asked(right), np.arange(3), key, 4)[0] for right in (usual, {**usual, 1: {0, 1}})]
    harder = look(Asked({0: {0}, 1: set(), 2: set()}), np.arange(3), key, 4)[0]

    def made(number):
        found = {"test": seeds[:number], "shifted": [harder] * number}
        return {
            "run": "runs/mine", "environment": "addition", "method": "grpo",
            "seeds": list(range(number)), "problems": 3, "answers": N, "draws": 4,
            "tokens_sampled": [100] * number, **{who: summary(found, vocabulary=8) for who in WHO},
        }  # fmt: skip

    return made


def test_figures_of_one_seed_have_intervals_over_problems_and_of_several_over_seeds(report):
    one, two = report(1)["model"], report(2)["model"]
    assert json.loads(json.dumps(two)) == two
    first = one["splits"]["test"]["pass@1"]
    assert first["value"] == pytest.approx(5 / 6) and first["interval_over"] == "problems"
    assert 0.5 <= first["interval"][0] < 5 / 6 <= first["interval"][1] <= 1
    both = two["splits"]["test"]["pass@1"]
    assert both["by_seed"] == pytest.approx([5 / 6, 1]) and both["interval_over"] == "seeds"
    assert both["value"] == pytest.approx(11 / 12)
    assert one["gap"]["pass@1"]["value"] == pytest.approx(5 / 6 - 1 / 6)
    low, high = one["gap"]["pass@1"]["interval"]
    assert low < 2 / 3 < high and one["gap"]["pass@1"]["interval_over"] == "problems"
    assert two["gap"]["pass@2"]["by_seed"] == pytest.approx([2 / 3, 2 / 3])
    assert one["splits"]["test"]["entropy"]["value"] == pytest.approx(0.3)
    assert one["splits"]["test"]["kl_to_start"]["value"] > 0
    assert one["splits"]["shifted"]["pass_until_cut"]["value"] == 1


def subject_of(path):
    """As much of a run's seed as the panel reads."""
    subject = object.__new__(Subject)
    object.__setattr__(subject, "directory", RunDir(path))
    return subject


def test_a_report_is_kept_shown_and_drawn(report, tmp_path):
    made, subject = report(1), subject_of(tmp_path)
    assert panel.applies(subject) == ""
    assert subject.directory.keep("behaviour", made).name == RESULT
    assert panel.applies(subject) is None and "run" not in panel.data(subject)
    section = panel.section(subject, {})
    words, table = section.parts
    assert "2 answers to each of 3 problems" in words.text and "over problems" in words.text
    assert len({len(row) for row in [table.head, *table.rows]}) == 1
    shown = io.StringIO()
    command.show(made, Console(file=shown, width=200))
    assert "pass@2" in shown.getvalue() and "diversity per input" in shown.getvalue()
    drawn = behaviour_sheet.draw(made, tmp_path / "behaviour.png")
    assert drawn.stat().st_size > 10_000


def test_who_cannot_be_asked_and_what_cannot_be_asked_is_refused_before_anybody_is(tmp_path):
    def run_of(task, method):
        made = experiment(task, method=method, **house.settings(method, task))
        return Run(RunDir(tmp_path / "mine"), made, None)

    with pytest.raises(ConfigError, match="mine has no language model whose answers are verified"):
        behaviour(run_of("maze", "dr"))
    for numbers, words in (
        ({"answers": 1}, "answers must be at least 2, got 1"),
        ({"problems": 0}, "problems must be at least 1, got 0"),
        ({"draws": 8}, r"draws must be at least answers \(16\), got 8"),
    ):
        with pytest.raises(ConfigError, match=words):
            behaviour(run_of("addition", "grpo"), **numbers)


def test_a_broken_report_says_how_it_is_made_anew(tmp_path):
    (tmp_path / RESULT).write_text('{"model": {}}')
    with pytest.raises(RunError, match=r"no report of behaviour that can be read.*cairn behaviour"):
        panel.data(subject_of(tmp_path))
