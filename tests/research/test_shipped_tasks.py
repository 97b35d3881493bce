"""Shipped tasks: made from a seed, scored in the jail, and hard to fool."""

import asyncio
import json

import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.research.metrics.speedrun import recovered
from cairn.research.shipped import acquisition, catalogue, optimiser, speedrun
from cairn.research.tasks.evaluator import TaskEvaluator
from cairn.research.tasks.folder import read_folder
from cairn.research.tasks.grading import Round, grade


def graded(task, **files):
    bodies = {name.replace("_json", ".json"): json.dumps(v).encode() for name, v in files.items()}
    return asyncio.run(grade(task, "search", [Round(bodies, 1.0, 0.5)]))


def scored(task, text, split="search"):
    return asyncio.run(TaskEvaluator(task)._graded(text, split))


@pytest.mark.parametrize("name", ["friedman", "3-sat", "acquisition", "speedrun-flops-4"])
def test_the_same_seed_is_the_same_task_and_another_is_another(tmp_path, name):
    first = catalogue.make(name, tmp_path / "a").digest
    assert catalogue.make(name, tmp_path / "b").digest == first
    assert catalogue.make(name, tmp_path / "c", seed=1).digest != first
    assert catalogue.make(name, tmp_path / "d", seed=None).digest != first


@pytest.mark.slow
def test_no_answer_stands_among_what_a_candidate_sees(tmp_path):
    for name in catalogue.SHIPPED:
        task = catalogue.make(name, tmp_path / name)
        assert set(task.splits) == {"search", "selection", "test"} and task.description
        seen = [s.inputs for s in task.splits.values() if s.inputs is not None]
        for path in (*seen, task.train):
            assert path is None or not (path.is_relative_to(tmp_path / name / "answers"))
        assert not (tmp_path / name / "records").exists()  # of a speedrun


def test_what_is_not_there_or_is_there_already_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"no task 'friedmann'.*Did you mean 'friedman'"):
        catalogue.write("friedmann", tmp_path / "x")
    with pytest.raises(ConfigError, match="is there already"):
        catalogue.write("friedman", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["friedman", "churn", "rides", "digits", "blotto", "3-sat", "circles-7", "optimiser"]
)
def test_the_starter_has_a_score(tmp_path, name):
    task = catalogue.make(name, tmp_path / name)
    got = scored(task, task.starter)
    assert got.outcome == "ok" and np.isfinite(got.score)


def test_circles_are_valid_only_if_all_conditions_hold(tmp_path):
    task = catalogue.make("circles-5", tmp_path / "c")
    good = [[0.1 + 0.2 * i, 0.5, 0.1] for i in range(5)]
    assert graded(task, circles_json=good).score == pytest.approx(0.5)
    for circles, why in [
        ([*good[:4], [float("nan"), 0.5, 0.1]], "NaN"),
        ([*good[:4], [0.9, 0.5, float("inf")]], "Infinity"),
        ([*good[:4], [0.9, 0.5, 0.11]], "circle 4"),
        ([*good[:4], [0.85, 0.5, 0.1]], "circles 3 and 4 overlap"),
        ([*good[:4], [0.9, 0.5, -0.1]], "circle 4"),
        ([*good[:4], [0.9, 0.5, 0]], "circle 4"),
        (good[:4], "a list of 5, got 4"),
        ([*good, good[0]], "a list of 5, got 6"),
    ]:
        got = graded(task, circles_json=circles)
        assert got.outcome == "invalid" and why in got.feedback


def test_a_trace_of_branchings_must_decide_its_formula(tmp_path):
    task = catalogue.make("3-sat", tmp_path / "s")
    for traces in ([[]] * 16, [[1, 2, 3]] * 16, [[99]] * 16, [["x"]] * 16, [[]] * 3):
        assert graded(task, branchings_json=traces).outcome == "invalid"


@pytest.mark.slow
def test_a_better_choice_of_literals_needs_fewer_branchings(tmp_path):
    task = catalogue.make("3-sat", tmp_path / "s")
    often = """
from collections import Counter
def select_literal(clauses):
    n = Counter()
    for clause in clauses:
        for literal in clause:
            n[literal] += 2.0 ** -len(clause)
    return max(n, key=lambda x: (n[x] + n[-x], x))
"""
    assert scored(task, often).score < 0.8 * scored(task, task.starter).score


def test_a_game_is_scored_by_the_grader_who_alone_knows_the_opponents(tmp_path):
    task = catalogue.make("prisoners-dilemma", tmp_path / "g")
    rounds = [Round({"actions.json": json.dumps([1] * 100).encode()})] * 10
    assert asyncio.run(grade(task, "search", rounds[:9])).outcome == "ask"
    got = asyncio.run(grade(task, "search", rounds))
    # Defecting always gets 5 from who cooperates and 1 from who does not: between the two.
    assert got.outcome == "ok" and 1 < got.score < 5
    bad = [Round({"actions.json": json.dumps([2] * 100).encode()})]
    assert "0 or 1" in asyncio.run(grade(task, "search", bad)).feedback


def test_functions_of_the_acquisition_task_have_their_known_optima():
    at = {
        "branin": ([(np.pi + 5) / 15, 2.275 / 15], -0.397887),
        "ackley": ([0.5, 0.5], 0.0),
        "cosine": ([0.5, 0.5], 0.2),
        "dropwave": ([0.5, 0.5], 1.0),
        "griewank": ([0.5, 0.5], 0.0),
        "holder": ([(8.05502 + 10) / 20, (9.66459 + 10) / 20], 19.2085),
        "levy": ([0.55, 0.55], 0.0),
    }
    for name, (point, best) in at.items():
        found = acquisition.values(name, np.array([point]))
        assert found[0] == pytest.approx(best, abs=1e-4), name
        spread = acquisition.values(name, np.random.default_rng(0).random((500, 2)))
        assert spread.max() <= best + 1e-6


def test_gradients_of_the_optimiser_task_are_those_of_its_losses(tmp_path):
    import importlib.util

    path = catalogue.FILES / "optimiser" / "problems.py"
    spec = importlib.util.spec_from_file_location("problems", path)
    problems = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(problems)
    rng = np.random.default_rng(0)
    for family in optimiser.FAMILIES:
        made, _ = optimiser.problem(family, rng)
        w = np.array(made["start"]) + rng.normal(size=len(made["start"])) * 0.1
        gradient = problems.value(made, w)[1]
        for i in rng.choice(len(w), 4):
            step = np.zeros_like(w)
            step[i] = 1e-6
            slope = (problems.value(made, w + step)[0] - problems.value(made, w - step)[0]) / 2e-6
            assert slope == pytest.approx(gradient[i], rel=1e-3, abs=1e-5), family


@pytest.mark.slow
def test_records_of_the_speedrun_are_each_valid_and_cheaper(tmp_path):
    task = catalogue.make("speedrun-flops-3", tmp_path / "r")
    costs = {}
    for number in (3, 4, 5):
        got = scored(task, speedrun.record(number))
        assert got.outcome == "ok", got.feedback
        costs[number] = got.score
    assert costs[3] > costs[4] > costs[5]
    assert recovered(costs[3], costs[4], costs[4]) == 1.0 < recovered(costs[3], costs[4], costs[5])
    lazy = speedrun.record(4).replace("80, 50", "8, 50")
    assert "above the target" in scored(task, lazy).feedback
    sure = speedrun.record(5).replace("SCALE * scores", "SCALE * scores * 0 ") + "\n"
    assert scored(task, sure).score is None


def test_hints_of_four_levels_are_there_and_the_first_is_the_difference(tmp_path):
    for number in speedrun.STARTS:
        texts = [speedrun.hint(number, level) for level in range(4)]
        assert all(texts) and len(set(texts)) == 4
        assert f"+++ record_{number + 1}.py" in texts[0]
    assert speedrun.hint(1, 2) in speedrun.hints(1, (2, 3))
    with pytest.raises(ConfigError, match="got record 5, level 0"):
        speedrun.hint(5, 0)
    folder = tmp_path / "h"
    catalogue.write("speedrun-2", folder)
    assert read_folder(folder).starter == speedrun.record(2)
