"""The harness in a world whose truth is known. Simulated throughout."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from redteam_harness import config
from simulate_worker import WORLD

from cairn.core.draws import DrawKey
from cairn.core.stats import wilson
from cairn.lm.request import Request
from cairn.redteam.simulation import World, level_of

WORKER = Path(__file__).parent / "simulate_worker.py"
CALLS = {"calls": 3500}
TRIALS = {"trials": 400}
FILTERED, OPEN = {"name": "filtered", "search": {}}, {"name": "open", "search": {"similarity": 2.0}}
# Two processes for two cores, about as long as each other. Each has the seeds that its claim takes:
# the differences are 3.1 (same-cell), 5.2, 6.6 and 3.6 standard errors.
JOBS = (
    (
        {"name": "rainbow", "search": {}, "budget": CALLS, "seeds": 5, "audited": True},
        {"name": "random", "search": {"method": "random"}, "budget": CALLS, "seeds": 3},
        {**OPEN, "budget": TRIALS, "seeds": 5},
    ),
    (
        {"name": "same-cell", "search": {"method": "same-cell"}, "budget": CALLS, "seeds": 5},
        {"name": "no-archive", "search": {"method": "no-archive"}, "budget": CALLS, "seeds": 3},
        {**FILTERED, "budget": TRIALS, "seeds": 5},
    ),
)


@pytest.fixture(scope="module")
def runs():
    """Rows by job, one per seed."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, str(WORKER)]
    workers = [subprocess.Popen([*command, *map(json.dumps, jobs)], **pipes) for jobs in JOBS]
    found = {}
    for worker in workers:
        output, errors = worker.communicate()
        assert worker.returncode == 0, errors
        found |= {line["name"]: line["rows"] for line in map(json.loads, output.splitlines())}
    return found


def column(rows, name):
    return np.array([row[name] for row in rows], float)


def spreads(more, less):
    """The difference of two means over seeds, in standard errors (Welch)."""
    error = (more.var(ddof=1) / len(more) + less.var(ddof=1) / len(less)) ** 0.5
    return (more.mean() - less.mean()) / error


@pytest.mark.slow
@pytest.mark.parametrize("method", ["same-cell", "random", "no-archive"])
@pytest.mark.parametrize("measure", ["working", "success"])
def test_rainbow_beats_the_baseline_at_equal_calls(runs, method, measure):
    assert spreads(column(runs["rainbow"], measure), column(runs[method], measure)) > 3


@pytest.mark.slow
def test_the_filter_trades_success_for_diversity_at_equal_trials(runs):
    for measure in ("success", "self_bleu"):
        assert spreads(column(runs["open"], measure), column(runs["filtered"], measure)) > 3


@pytest.fixture(scope="module")
def measured(runs):
    return [row["figures"] for row in runs["rainbow"]]


@pytest.mark.slow
def test_the_judges_position_bias_is_recovered_within_its_interval(measured):
    for figures in measured:
        bias = figures["health"]["first_bias"]
        assert bias["low"] <= WORLD.judge_bias <= bias["high"]
        assert bias["high"] - bias["low"] < 0.15


@pytest.mark.slow
def test_the_held_out_judges_errors_are_recovered_within_their_intervals(measured):
    for figures in measured:
        found = figures["labelled"]
        for right, wrong, error in (
            ("true_unsafe", "missed", WORLD.held_out_miss),
            ("true_safe", "alarms", WORLD.held_out_alarm),
        ):
            # Ten 95 % intervals would miss somewhere in four suites of ten: 99 % it is.
            total = found[right] + found[wrong]
            low, high = wilson(found[right], total, confidence=0.99)
            assert total > 10 and low <= 1 - error <= high


@pytest.mark.slow
def test_the_corrected_success_rate_covers_the_truth(measured):
    for figures in measured:
        rate, truth = figures["corrected"]["rate"], figures["recovery"]
        assert rate["low"] <= truth["in_sample"] <= rate["high"]
        assert rate["low"] <= truth["true_success"] <= rate["high"]


@pytest.mark.slow
def test_cells_called_broken_can_be_broken(measured):
    assert all(figures["recovery"]["precision"]["value"] >= 0.8 for figures in measured)


@pytest.mark.slow
def test_fresh_responses_succeed_less_often_than_those_that_were_selected(runs, measured):
    selected = np.mean([np.mean(row["selected"]) for row in runs["rainbow"]])
    assert selected > np.mean([figures["recovery"]["in_sample"] for figures in measured])


def test_simulated_text_says_so_and_neighbours_share_motifs():
    space = config(3, 6).space
    world = World(space, WORLD)
    near, far = world.motifs(space.cell((0, 0))), world.motifs(space.cell((0, 1)))
    assert near == far and len(near) == 4
    assert len(near & world.motifs(space.cell((2, 5)))) == 3
    assert sum(not world.breakable(cell) for cell in range(18)) == round(0.15 * 18)
    answer = world.target(Request.of("no category"), DrawKey.root(0))
    assert level_of(answer) == 0.0 and answer.startswith("[simulated]")
