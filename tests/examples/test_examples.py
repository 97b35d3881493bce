"""Every example runs, at a tiny size."""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import house
from cairn.cli import main
from cairn.core.rundir import RunDir

FOLDER = Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("examples") / "run"
    example("train_maze").main(path, **house.settings("dr"))
    return path


@pytest.mark.slow
def test_training_leaves_a_run_that_is_done(run):
    assert RunDir.open(run).metrics()[-1]["ledger"]["training"] == [2560]


@pytest.mark.slow
def test_a_run_is_evaluated_and_compared(run, capsys):
    example("evaluate_run").main(run, run, attempts=1)
    printed = capsys.readouterr().out
    assert "Solved: " in printed and "Better than the other by:" in printed


@pytest.mark.slow
def test_the_policy_acts_until_an_episode_ends(run, capsys):
    example("act_with_policy").main(run)
    assert "Reward" in capsys.readouterr().out


@pytest.mark.slow
def test_an_environment_of_ones_own_trains_from_its_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    command = ["train", "own_environment:Corridor", *house.flags("dr", "corridor")]
    assert main.run([*command, "--run", str(tmp_path / "run")]) == 0
    config = RunDir.open(tmp_path / "run").config
    assert config["task"] == {"length": 8}
    assert "Done." in capsys.readouterr().out


def test_a_plain_function_is_searched_by_asking_and_telling(capsys):
    state = example("own_fitness").main(cycles=3, batch=8)
    assert state.ledger.totals() == {"evaluations": 24} and state.elites.count > 3
    assert "of the map" in capsys.readouterr().out


def test_every_example_is_tested():
    tested = {
        "train_maze", "evaluate_run", "act_with_policy", "own_environment", "own_fitness",
        "map_texts", "teacher_loop", "teacher_sb3", "improve_program",
    }  # fmt: skip
    assert {path.stem for path in FOLDER.glob("*.py")} == tested


def test_texts_are_mapped(tmp_path, capsys):
    example("map_texts").main(tmp_path, texts=30)
    printed = capsys.readouterr().out
    assert "'kept'" in printed and '"error": "Reject", "message": "three refusals"' in printed
    assert (tmp_path / "refined.jsonl").exists()


@pytest.mark.slow
def test_a_loop_of_ones_own_is_taught(capsys):
    teacher = example("teacher_loop").main(rounds=3, n=4, method="dr")
    assert teacher.ledger["asked"] == 12 and teacher.ledger["training"] > 24
    assert "of the last batch" in capsys.readouterr().out


class Acting:
    """Stands where PPO does: acts at random. The real one is played in an environment of its own
    (benchmarks/verify/teacher_sb3.py)."""

    def __init__(self, policy, env, seed, device):
        self.env, self.num_timesteps = env, 0

    def learn(self, steps):
        rng, over = np.random.default_rng(0), True
        for self.num_timesteps in range(1, steps + 1):
            if over:
                self.env.reset()
            *_, fallen, late, _ = self.env.step(int(rng.integers(2)))
            over = fallen or late


@pytest.mark.slow
def test_a_trainer_of_other_people_is_taught(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "stable_baselines3", types.SimpleNamespace(PPO=Acting))
    few = {"score": "learnability", "capacity": 4, "minimum_fill": 0.5}
    teacher, model = example("teacher_sb3").main(1500, **few)
    ledger = teacher.ledger
    assert model.num_timesteps == 1500 and 1000 < ledger["training"] <= 1500
    assert ledger["episodes"] == 4 * (ledger["asked"] - 1) and ledger["scoring"] == 0
    assert f"levels kept: {len(teacher.lineage.score)}" in capsys.readouterr().out


@pytest.mark.slow
def test_a_program_is_improved_in_the_jail(tmp_path, capsys):
    example("improve_program").main(tmp_path / "run", trials=12)
    before, after = capsys.readouterr().out.splitlines()[0].split(" -> ")
    assert float(after) < float(before)
