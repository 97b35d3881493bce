"""The long verification scripts run at a tiny size, and go on where they stopped."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from test_directions import directions, load

import cairn
import house
from cairn.core.sections import settings
from cairn.envs.maze.solve import UNREACHABLE, optimal_actions


class Trained:
    """Stands where `directions.Runner` does, which test_directions.py trains for real."""

    def __init__(self, arm, size):
        directions.experiment(arm, size)

    def train(self, seed):
        return SimpleNamespace(ledger=SimpleNamespace(totals=lambda: {"training": 128}))

    def figures(self, state, seed):
        return {"solve_rate": 0.25}


def test_directions_are_recorded_once_per_arm_and_seed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(directions, "Runner", Trained)
    command = ["ued_directions.py", "--tiny", "--results", str(tmp_path), "--arms", "random,dr"]
    monkeypatch.setattr(sys, "argv", command)
    directions.main()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["dr-seed0.json", "random-seed0.json"]
    result = json.loads(files[0].read_text())
    assert result["arm"] == "dr" and result["seed"] == 0
    assert result["figures"] == {"solve_rate": 0.25} and result["ledger"] == {"training": 128}
    made_by = directions.source_hash(Path(directions.__file__), directions.SOURCES)
    assert result["sources"] == made_by and "--tiny" in result["command"]
    assert result["versions"]["jax"]

    monkeypatch.setattr(directions, "Runner", None)
    capsys.readouterr()
    directions.main()
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_actions_and_images_are_measured_once_per_task_and_seed(tmp_path, monkeypatch, capsys):
    script = load("actions_and_images")
    plain = script.train

    def train(task, seed, settings):
        """The random policy sees images for real; the others' settings exist."""
        if (task, settings["method"]) == ("squares", "random"):
            return plain(task, seed, settings)
        steps = cairn.experiment(script.ADDRESS[task], seed=seed, **settings).run.steps
        return {"figure": 0.5, "curve": [(steps, 0.5)], "first_chunk_s": 1.0, "seconds": 2.0}

    monkeypatch.setattr(script, "train", train)
    command = ["actions_and_images.py", "--tiny", "--seeds", "1", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    script.main()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["pendulum-seed0.json", "squares-seed0.json"]
    for file in files:
        result = json.loads(file.read_text())
        assert np.isfinite(result["ppo"]["figure"]) and np.isfinite(result["random"]["figure"])
        assert result["ppo"]["curve"][-1][0] >= result["settings"]["steps"]
    assert 0 <= result["random"]["figure"] <= 1 and result["random"]["curve"][-1][0] >= 4
    assert len(capsys.readouterr().out.splitlines()) == 2

    monkeypatch.setattr(script, "measure", None)
    script.main()
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_pendulum_trains_by_default_as_it_was_measured():
    """But for its levels, of which there it had one, and devices."""
    measured = load("actions_and_images").TASKS["pendulum"]
    chosen = cairn.experiment("pendulum")
    values = {name: setting.value for name, setting in settings(chosen.everything).items()}
    differ = {
        name for name in measured if (values | {"method": chosen.method})[name] != measured[name]
    }
    assert differ == {"spread", "devices"}
    # Nobody else's settings, nor another preset's.
    assert cairn.experiment("cartpole").student.hidden == 128
    assert cairn.experiment("pendulum", preset="reference").student.memory == "lstm"
    # Choosing SFL's levels leaves most of the budget for training.
    sfl = cairn.experiment("pendulum", method="sfl").algorithm
    choosing = sfl.candidates * sfl.candidate_batches * sfl.scoring_steps
    assert 4 * choosing < sfl.refresh * sfl.batch * sfl.steps_per_cycle < chosen.run.steps


class Cloning:
    """Stands where `cairn` does: settings must exist, but nothing is trained. That a student, its
    episodes and its clone follow from one another is what docs/methods/bc.md runs."""

    def __init__(self):
        self.made = []

    def experiment(self, environment, **settings):
        return settings.get("method", "dr"), cairn.experiment(environment, **settings)

    def train(self, experiment, path):
        method, chosen = experiment
        self.made.append((method, path.name))
        totals = {"rows": [chosen.run.steps * chosen.algorithm.batch]}
        lines = [{"metrics": {"loss": [loss]}} for loss in (2.0, 1.5, 1.0)]
        return SimpleNamespace(
            state=SimpleNamespace(ledger=SimpleNamespace(totals=lambda: totals)),
            directory=SimpleNamespace(metrics=lambda: lines),
        )

    def collect(self, run, path, *, episodes, seed):
        assert self.made == [("dr", run.name)] and episodes == 8
        path.mkdir()
        about = {"steps": 40, "mean_return": 0.5, "solve_rate": 0.5}
        return SimpleNamespace(path=path, about=about)

    def evaluate(self, run, suites, *, attempts):
        rate = {"teacher": 0.5, "clone": 0.25}[run.name]
        return {"suites": {name: {"solve_rate": rate} for name in suites}}


def test_clones_and_their_teachers_are_measured_once_per_seed(tmp_path, monkeypatch, capsys):
    script = load("behaviour_cloning")
    monkeypatch.setattr(script, "cairn", Cloning())
    command = ["behaviour_cloning.py", "--tiny", "--seeds", "1", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    script.main()
    (file,) = tmp_path.iterdir()
    result = json.loads(file.read_text())
    assert result["solve_rate"] == {"teacher": 0.5, "clone": 0.25}
    assert result["rows"] == 8 * 4 and result["loss"] == [2.0, 1.0]
    assert "clones within 0.05 of their teachers: does NOT hold" in capsys.readouterr().out
    monkeypatch.setattr(script, "measure", None)
    script.main()
    far = [{"solve_rate": {"teacher": 0.6, "clone": rate}} for rate in (0.62, 0.54)]
    assert script.holds(far[:1]) and not script.holds(far)


@pytest.mark.slow
def test_who_eats_which_fruit_is_measured_once_per_arm_and_seed(tmp_path, monkeypatch, capsys):
    script = load("samplr_fruit")
    assert {settings["method"] for settings in script.ARMS.values()} == {
        "samplr",
        "robust-plr",
        "dr",
    }
    command = ["samplr_fruit.py", "--tiny", "--games", "choice", "--arms", "dr", "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", [*command, "--results", str(tmp_path)])
    script.main()
    (file,) = tmp_path.iterdir()
    result = json.loads(file.read_text())
    figures = script.figures(result["curve"])
    assert figures["reached"] == 1 and 0 <= figures["apple"] <= 1
    assert 0.9 <= figures["return"] <= 2.8 and len(result["curve"]["return"]) == script.CHUNKS
    assert "| choice | dr | return under the true odds |" in capsys.readouterr().out
    monkeypatch.setattr(script, "Runner", None)
    script.main()


def test_the_finite_set_is_what_it_says():
    env = directions.FiniteMaze(width=7, height=7, walls=8, kinds=50)
    numbers = np.arange(50, dtype=np.int32)
    levels = jax.jit(jax.vmap(env.space.level))(numbers)
    actions = np.asarray(jax.jit(jax.vmap(optimal_actions))(levels))
    assert (actions[:15] == UNREACHABLE).all()
    assert (actions[15:30] == 1).all()
    assert np.median(actions[30:]) > 3
    different = {np.asarray(walls).tobytes() for walls in levels.walls}
    assert len(different) > 45


def test_a_teachers_regret_stands_beside_that_of_fresh_levels(tmp_path, monkeypatch, capsys):
    script = load("teacher_regret")
    values = {"designed": (0.25, 0.5), "fresh": (0.125, 0.75)}
    sources = {
        name: {"bound": {"value": bound}, "regret": {"value": regret}}
        for name, (bound, regret) in values.items()
    }
    found = {"arm": "paired", "seeds": [{"sources": sources}] * 3}
    command = ["teacher_regret.py", "--tiny", "--arms", "paired", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(script, "measure", lambda arm, seeds, tiny: found)
    script.main()
    told = capsys.readouterr().out
    assert "| paired | bound of `cairn regret` | 0.250 [0.250, 0.250] | 0.125" in told
    assert "0.500 [0.500, 0.500] | 0.750 [0.750, 0.750] | -0.250 [-0.250, -0.250] |" in told
    monkeypatch.setattr(script, "measure", None)
    script.main()  # nothing is measured twice
    assert capsys.readouterr().out == told


@pytest.mark.slow
def test_the_league_is_made_part_by_part_and_read_at_two_budgets(tmp_path, monkeypatch, capsys):
    script = load("league")
    command = ["league.py", "--tiny", "--seeds", "2", "--results", str(tmp_path), "--part", "dr"]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(script, "cost_part", lambda *given: {"seconds_per_cycle": 0.5})
    script.main()
    folder = tmp_path / "tiny"
    made = json.loads((folder / "dr-seeds200-201.json").read_text())
    steps, clock = made["readings"]["steps"], made["readings"]["clock"]
    assert steps["ledger"]["training"] == [128, 128] and steps["cycles"] == 4
    assert clock["seconds"] == steps["seconds"] == 4 * 0.5
    size = script.SIZES["tiny"]
    assert script.allowed(size, script.Cost(0.5, 0.5, math.inf)) == 2.0
    dear = script.Cost(0.5, 4.0, 6)  # a second adversary from the sixth cycle on
    assert dear.seconds(6) == 3.0 and dear.seconds(8) == 3.0 + 2 * 4.0
    levels = np.array(steps["scores"]["fresh"]["levels"])
    assert levels.shape == (2, 8) and ((levels >= 0) & (levels <= 1)).all()
    told = json.loads((folder / "taking_part.json").read_text())
    assert {"dr", "plr", "accel", "sfl", "paired"} <= set(told["methods"])
    assert told["not"]["random"] == "it does not learn"

    capsys.readouterr()
    monkeypatch.setattr(script, "play_part", None)
    script.main()  # nothing is made twice
    assert capsys.readouterr().out == ""

    other = made | {"method": "other", "seeds": [202], "readings": {
        name: row | {"scores": {"fresh": {"levels": [[1.0] * 8]}}}
        for name, row in made["readings"].items()
    }}  # fmt: skip
    for seed in (202, 203):
        (folder / f"other-seeds{seed}-{seed}.json").write_text(
            json.dumps(other | {"seeds": [seed]})
        )

    page = load("../league_page")
    parts = page.parts_of(folder)
    assert parts["other"]["seeds"] == [202, 203]
    rows = page.table(parts, "steps")[2:]
    assert rows[0].startswith("| other | – | – | 1.000 (") and rows[1].startswith("| dr |")
    assert "| 1.000 (1.000 to 1.000) |" in rows[0] and "| 128 |" in rows[1]


def test_the_claims_about_labyrinth_are_held_against_every_arm():
    script = load("backplay_labyrinth")
    rates = {
        "plain": (0.0, 0.02),
        "schedule": (0.95, 0.89),
        "success at 0.5": (1.0, 0.7),
        "success at 0.2": (0.9, 1),
    }
    results = [{"arm": arm, "solve_rate": rate} for arm, both in rates.items() for rate in both]
    assert script.holds(results) == {name: name != "success at 0.5" for name in rates}
    told = script.described(results).splitlines()
    assert [row.split(" | ")[0] for row in told[2:]] == [f"| {arm}" for arm in rates]
    assert "| 0.920 |" in told[3] and told[3].endswith("| 0.95 0.89 |")
    assert script.holds([{"arm": "plain", "solve_rate": 0.2}]) == {"plain": False}


def test_every_arm_of_accel_s_complexity_makes_an_experiment_and_a_part_of_the_table():
    script = load("accel_complexity")
    for arm in script.ARMS:
        chosen = script.made(arm, 0, tiny=False)
        assert f"{chosen.algorithm.score}, {chosen.algorithm.temperature:g}" in arm
    curve = [dict.fromkeys(script.FIGURES, value) for value in (1.0, 3.0)]
    told = script.described([{"arm": "maxmc, 1", "curve": curve}] * 2).splitlines()
    assert len(told) == 2 + len(script.FIGURES)
    assert told[0] == "| figure | maxmc, 1 (2) |"
    assert told[2] == "| walls by P | 1.00 → 3.00 (3.00 to 3.00) |"


def test_learned_teachers_are_measured_once_per_arm_and_told_by_their_second_half(
    tmp_path, monkeypatch, capsys
):
    script = load("learned_teachers")
    assert set(script.ARMS) == {*house.TAUGHT, "paired-slow"}
    for arm in script.ARMS:  # settings that exist, and no program
        script.experiment(arm, 2, script.RUN)
    asked = []

    def measure(arm, seeds, run, designs):
        asked.append(arm)
        figures = dict.fromkeys(script.TITLES, 0.0)
        marks = [
            {"steps": 10 * i, "teacher": figures | {"regret": i / 10}, "untaught": figures}
            for i in range(4)
        ]
        return [{"seed": seed, "marks": marks, "ledger": {}} for seed in range(seeds)]

    monkeypatch.setattr(script, "measure", measure)
    flags = ["--arms", "minimax,paired", "--seeds", "2", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["learned_teachers.py", "--tiny", *flags])
    script.main()
    assert len(list(tmp_path.iterdir())) == 4 and asked == ["minimax", "paired"]
    (tmp_path / "paired-seed1.json").unlink()
    script.main()
    assert asked == ["minimax", "paired", "paired"]
    # Marks at 0.0, 0.1, 0.2 and 0.3: the later two count.
    assert "| paired | regret, trained − untaught | 0.250 |" in capsys.readouterr().out


@pytest.mark.slow
def test_a_taught_student_on_gymnasium_is_measured_once_per_arm_and_seed(
    tmp_path, monkeypatch, capsys
):
    script = load("teacher_gymnasium")
    few = {"candidates": 16, "keep": 4, "refresh": 1, "batch": 16, "selected": 8}
    monkeypatch.setattr(script, "ARMS", {"sfl": ("sfl", few)})
    monkeypatch.setattr(script, "TESTED", 8)
    with jax.numpy_dtype_promotion("standard"):  # Adam of optax
        script.main(*script.TINY, tmp_path)
    (file,) = tmp_path.iterdir()
    result = json.loads(file.read_text())
    ledger = result["ledger"]
    assert ledger["training"] > 0 and ledger["scoring"] > 0 and len(result["solved"]) == 8
    assert sum(ledger[name] for name in ("training", "scoring")) >= script.TINY[0]
    monkeypatch.setattr(script, "measure", None)
    script.main(*script.TINY, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :] and "| sfl | all |" in lines[4]
