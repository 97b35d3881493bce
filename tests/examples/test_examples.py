"""Every example runs, at a tiny size."""

import importlib.util
from pathlib import Path

import pytest

from cairn.cli import main
from cairn.core.rundir import RunDir

FOLDER = Path(__file__).parents[2] / "examples"
TINY = {"hidden": 8, "head": 4, "filters": 2, "epochs": 1, "minibatches": 1}
TINY |= {"batch": 4, "steps_per_cycle": 16, "log_every": 4, "steps": 512, "turns": 1}
MAZE = {"width": 7, "height": 7, "walls": 5, "limit": 16}
"""As in the tests of the documentation, so that programs compiled there are found again."""


def example(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("examples") / "run"
    example("train_maze").main(path, **TINY, **MAZE)
    return path


def test_training_leaves_a_run_that_is_done(run):
    assert RunDir.open(run).metrics()[-1]["ledger"]["training"] == [512]


def test_a_run_is_evaluated_and_compared(run, capsys):
    example("evaluate_run").main(run, run, attempts=1)
    printed = capsys.readouterr().out
    assert "Solved: " in printed and "Better than the other by:" in printed


def test_the_policy_acts_until_an_episode_ends(run, capsys):
    example("act_with_policy").main(run)
    assert "Reward" in capsys.readouterr().out


def test_an_environment_of_ones_own_trains_from_its_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    command = ["train", "own_environment:Corridor", *flags]
    assert main.run([*command, "--run", str(tmp_path / "run")]) == 0
    config = RunDir.open(tmp_path / "run").config
    assert config["env"] == {"length": 8}
    assert "Done." in capsys.readouterr().out


def test_every_example_is_tested():
    tested = {"train_maze", "evaluate_run", "act_with_policy", "own_environment"}
    assert {path.stem for path in FOLDER.glob("*.py")} == tested
