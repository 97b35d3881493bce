"""Whole searches over a method whose best settings are known: costs, programs, kills, results."""

import json
import sys
from pathlib import Path

import bowl
import jax
import numpy as np
import pytest

import cairn
from cairn.cli.tune import _figures
from cairn.core.errors import ConfigError, RunError
from cairn.runs.files import from_toml
from cairn.tuning.config import TuneConfig, budget
from cairn.tuning.directory import TuneRun
from cairn.tuning.driver import tune
from cairn.tuning.pool import Job, Pools
from cairn.tuning.traced import STEPS, traceable

RATE = {"algorithm.rate": "log:1e-4,1"}
BOTH = RATE | {"algorithm.bonus": "none|some"}
SHORT = {"test_seeds": 2, "metric": "gained", "rows": 4}


def experiment(**settings):
    settings = bowl.SETTINGS | settings
    return cairn.experiment("bowl:Bowl", method="bowl:METHOD", **settings)


@pytest.fixture(scope="module", autouse=True)
def importable():
    sys.path.insert(0, str(Path(__file__).parent))
    yield
    sys.path.remove(str(Path(__file__).parent))


@pytest.fixture(scope="module")
def found(tmp_path_factory, importable):
    """One search by DEHB that nothing disturbed."""
    path = tmp_path_factory.mktemp("tune") / "whole"
    return tune(experiment(), BOTH, path, budget=180 * 2 * 14, **SHORT)


def lines(path):
    return [json.loads(line) for line in (path / "trials.jsonl").read_text().splitlines()]


def test_a_search_finds_what_is_best_and_tests_it_on_other_seeds(found):
    result = found.result
    (best,) = result["incumbents"]
    assert abs(np.log10(best["values"]["algorithm.rate"]) + 2) < 0.5
    assert best["values"]["algorithm.bonus"] == "some"
    assert result["tuning_seeds"] == [0, 1] and result["test_seeds"] == [100, 101]
    assert best["gap"] == pytest.approx(best["tuning"]["score"] - best["test"]["score"])
    assert best["test"]["score"] > result["default"]["test"]["score"] + 5
    assert result["default"]["values"] == {"algorithm.rate": 0.5, "algorithm.bonus": "none"}
    scores = [score for _, score in result["trajectory"]]
    assert scores[-1] == best["tuning"]["score"]
    # What is trained with it is the trial, with all settings that were not searched.
    assert result["train"] == "cairn train --config best.toml"
    assert from_toml(found.run.path / "best.toml") == experiment(**best["values"])


def test_what_a_short_training_chose_is_tested_at_full_length(tmp_path):
    """As what one began with is: scores of other lengths would be no comparison."""
    said = []
    made = tune(experiment(), RATE, tmp_path / "short", budget=400, say=said.append, **SHORT)
    (best,) = made.result["incumbents"]
    assert best["tuning"]["steps"] == 20 and best["gap"] is None
    assert best["test"]["steps"] == made.result["default"]["test"]["steps"] == 180
    tests = [x for x in lines(made.run.path) if x["phase"] in ("incumbent", "default")]
    assert [x["ledger"]["training"] for x in tests] == [180] * 4
    # Nine of 20, three of 60, one of 180, two seeds: with as much, one is trained in full.
    assert sum("may reach no full" in line and "--budget 1080." in line for line in said) == 1
    said.clear()
    enough = tune(experiment(), RATE, tmp_path / "full", budget=1080, baseline=False,
                  say=said.append, **SHORT)  # fmt: skip
    assert enough.result["incumbents"][0]["tuning"]["steps"] == 180
    assert enough.result["incumbents"][0]["gap"] is not None and "no full" not in "".join(said)


def test_who_waits_hears_of_compiling_and_how_many_trainings_are_done(tmp_path):
    heard = []
    tune(experiment(), RATE, tmp_path / "heard", tuner="random", budget=720, baseline=False,
         show=heard.append, **SHORT)  # fmt: skip
    # Two trials of two seeds, then the test of the best: one program for all of them.
    assert [(now.what, now.done) for now in heard] == [
        ("compiling", 0), *[("trial 0", 4)] * 2, *[("trial 1", 4)] * 2, *[("test", 6)] * 2,
    ]  # fmt: skip
    assert "score" not in _figures(heard[0])
    assert _figures(heard[0])["now"] == "compiling" and _figures(heard[-1])["done"] == "6 trainings"


def test_every_step_of_every_trial_is_in_the_ledger_and_within_the_budget(found):
    trials = [line for line in lines(found.run.path) if line["phase"] == "trial"]
    # Cycles of ten steps: a ninth of 180 is 20, a third 60.
    assert {line["steps"] for line in trials} == {20, 60, 180}
    assert all(line["ledger"]["training"] == line["steps"] for line in trials)
    cost = found.result["cost"]
    assert cost["spent"] == sum(line["steps"] for line in trials) <= cost["budget"]
    assert cost["budget"] - cost["spent"] < 2 * 3 * 180
    assert cost["tuning"]["training"] == cost["spent"]
    assert cost["test"]["training"] == 2 * 2 * 180
    seeds = {(line["number"], line["seed"]) for line in trials}
    assert len(seeds) == len(trials) == 2 * found.result["trials"]


def test_a_trial_is_what_its_settings_would_be_alone(found):
    """The same as the run that `cairn train` makes of them, but for the last bits of a sum."""
    (best,) = found.result["incumbents"]
    alone = experiment(**best["values"], seeds=1, seed=1)
    compiled = alone.compiled()
    state = compiled.init()
    for _ in range(18):
        state, _ = compiled.advance(state)
    assert float(state.gained.sum()) == pytest.approx(best["tuning"]["by_seed"][1], rel=1e-5)


def test_settings_that_can_be_traced_share_one_compilation(tmp_path):
    compiled = []
    listen = lambda name, *_, **__: compiled.append(name)  # noqa: E731
    jax.monitoring.register_event_duration_secs_listener(listen)

    def programs(trials, search):
        before = bowl.TRACES["count"]
        made = tune(experiment(), search, tmp_path / f"{trials}-{len(search)}", tuner="random",
                    budget=360 * trials, baseline=False, **SHORT)  # fmt: skip
        assert made.result["trials"] == trials
        return bowl.TRACES["count"] - before

    few, many = programs(2, RATE), programs(12, RATE)
    assert few == many
    # A choice that is a branch of Python has a program for each of its values.
    assert programs(12, BOTH) > many
    pools = Pools(experiment(), ("algorithm.rate", STEPS), 4)
    jobs = [Job({"algorithm.rate": r, "algorithm.bonus": b}, 0, s)
            for r in (0.1, 0.2) for b in ("none", "some") for s in (60, 180)]  # fmt: skip
    assert len({id(pools.of(job)) for job in jobs}) == len(pools) == 2


def test_what_decides_a_shape_or_a_branch_is_found_by_trying(importable):
    names = [f"algorithm.{name}" for name in ("rate", "share", "bonus", "size", "drifts")]
    assert traceable(experiment(), names) == ("algorithm.rate", "algorithm.share", STEPS)


class KilledError(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tuner", "search", "more"),
    [
        ("dehb", BOTH, {"budget": 180 * 2 * 14}),
        ("pbt", RATE, {"population": 5, "intervals": 6}),
    ],
)
def test_a_search_killed_anywhere_goes_on_to_the_same_result(tmp_path, found, tuner, search, more):
    whole = found
    if tuner == "pbt":
        whole = tune(experiment(drifts=True), search, tmp_path / "whole", tuner=tuner, **more,
                     **SHORT)  # fmt: skip
    path, kills = tmp_path / "killed", iter((3, 8, 14, 6, 9))
    chosen = experiment(drifts=tuner == "pbt")
    while True:
        left = [next(kills, 10**6)]

        def show(progress, left=left):
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        try:
            again = tune(chosen, search, path, tuner=tuner, show=show, **more, **SHORT)
            break
        except KilledError:
            with (path / "trials.jsonl").open("a") as file:
                file.write('{"phase": "tri')  # as a kill between two writes leaves it
    assert next(kills, None) is None
    assert again.result == whole.result
    by_key = lambda line: (line["phase"], line["number"], line["seed"])  # noqa: E731
    made, undisturbed = (sorted(lines(p), key=by_key) for p in (path, whole.run.path))
    assert made == undisturbed  # nothing twice
    done = tune(chosen, search, path, tuner=tuner, show=show, **more, **SHORT)
    assert done.result == whole.result


def test_a_population_follows_a_moving_optimum_and_its_schedule_is_tested(tmp_path):
    made = tune(experiment(drifts=True, steps=400), RATE, tmp_path / "pbt", tuner="pbt",
                population=8, intervals=10, **SHORT)  # fmt: skip
    (best,) = made.result["incumbents"]
    rates = [np.log10(part["values"]["algorithm.rate"]) for part in best["schedule"]]
    assert len(rates) == 10 and [p["until"] for p in best["schedule"]][-1] == 400
    assert rates[-1] > rates[0]
    # No constant rate gains more than 400 / 10 less the square of a third of the way.
    assert best["test"]["score"] > 0.9 * (40 - 40 * 4 / 12)
    interval = [line for line in lines(made.run.path) if line["phase"] == "interval 9"]
    assert all(line["ledger"]["training"] == 40 for line in interval)
    assert made.result["cost"]["spent"] == 8 * 2 * 400
    replaced = [
        n for line in lines(made.run.path) if (n := line["number"]) != line.get("source", n)
    ]
    assert replaced


def test_who_takes_over_after_a_failure_trains_as_long_as_the_others(tmp_path):
    """It had stopped early: what it missed is not made up for on the weights of the best."""
    made = tune(experiment(), RATE | {"algorithm.share": "0.7,1"}, tmp_path / "failing",
                tuner="pbt", population=8, intervals=3, baseline=False, **SHORT)  # fmt: skip
    rows = [line for line in lines(made.run.path) if line["phase"].startswith("interval")]
    assert any(line["failed"] for line in rows if line["phase"] == "interval 0")
    assert any(line["source"] != line["number"] for line in rows if not line["failed"])
    assert {line["ledger"]["training"] for line in rows if not line["failed"]} == {60}


def test_settings_that_diverge_fail_and_are_never_best(tmp_path):
    made = tune(experiment(), RATE | {"algorithm.share": "0.8,1"}, tmp_path / "gone",
                tuner="random", budget=360 * 10, **SHORT)  # fmt: skip
    trials = [line for line in lines(made.run.path) if line["phase"] == "trial"]
    gone = [line for line in trials if line["values"]["algorithm.share"] > 0.9]
    assert gone and all(line["score"] is None for line in gone)
    assert all(line["failed"] == "not finite any more" for line in gone)
    assert all(line["ledger"]["training"] == 10 for line in gone)
    assert made.result["failed"] == len(gone) / 2
    assert made.result["incumbents"][0]["values"]["algorithm.share"] <= 0.9


@pytest.mark.parametrize(
    ("search", "settings", "says"),
    [
        (RATE, {"first_test_seed": 1}, "Seed 1 is both a tuning and a test seed"),
        (RATE, {"budget": 100}, "budget must be at least 360, what one trial takes"),
        (RATE, {"rungs": 4}, "The shortest of 4 rungs would train for 6 steps"),
        (RATE, {"metric": None}, "has nobody to test: name a --metric"),
        (RATE, {"metric": None, "suite": "named"}, "has nobody to test on 'named': use --metric"),
        (RATE, {"tuner": "pbt", "budget": 400}, "what a population of 8 takes"),
        ({"algorithm.size": "1,3"}, {"tuner": "pbt"}, "algorithm.size changes its shape"),
        ({"task.noise": "0,1"}, {}, "task.noise changes what is tested"),
        (RATE, {"metric": "lost"}, "--metric expects one of gain, gained, got 'lost'"),
        ({}, {}, "The search space is empty"),
    ],
)
def test_a_search_that_cannot_be_is_refused(tmp_path, search, settings, says):
    with pytest.raises(ConfigError) as error:
        tune(experiment(), search, tmp_path / "no", **(SHORT | settings))
    assert says in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "no").exists()  # the same place can be taken by what is right


def test_what_a_training_takes_in_whole_chunks_is_within_the_budget(tmp_path):
    """Chunks of 40 steps: a training of 180 takes 200, and after one that is known."""
    made = tune(experiment(log_every=4), RATE, tmp_path / "chunks", tuner="random", budget=1170,
                baseline=False, **SHORT)  # fmt: skip
    assert made.result["cost"]["spent"] == 800 and made.result["trials"] == 2


def test_the_budget_of_a_population_is_by_default_what_it_takes():
    config = TuneConfig(tuner="pbt", population=16, metric="gained")
    assert budget(config, experiment()) == 16 * 2 * 180
    assert budget(TuneConfig(metric="gained"), experiment()) == 12 * 2 * 180


def test_a_line_that_another_process_is_writing_is_not_cut_off_by_who_reads(tmp_path):
    run = TuneRun.create(tmp_path / "run", {})
    run.append({"phase": "trial"})
    with (run.path / "trials.jsonl").open("a") as file:
        file.write('{"phase"')
        file.flush()
        assert run.lines() == [{"phase": "trial"}]
        file.write(': "test"}\n')
    assert [line["phase"] for line in run.lines()] == ["trial", "test"]


def test_another_search_is_not_written_into_a_directory(found, tmp_path):
    with pytest.raises(ConfigError, match=r"is a search with tuning.levels 64, got 8"):
        tune(experiment(), BOTH, found.run.path, budget=180 * 2 * 14, levels=8, **SHORT)
    (tmp_path / "file").mkdir()
    with pytest.raises(RunError, match="is not a run of cairn"):
        tune(experiment(), BOTH, tmp_path / "file", **SHORT)
