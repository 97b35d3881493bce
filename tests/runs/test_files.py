"""Experiments as TOML files: what is printed is read again, and every mistake is one line."""

import pytest

import house
from cairn.cli import main
from cairn.core.errors import ConfigError, RunError
from cairn.runs import train as training
from cairn.runs.experiment import Experiment
from cairn.runs.files import from_toml, to_toml
from cairn.runs.presets import experiment


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("method", ["accel", "sfl"])
def test_a_printed_experiment_is_read_as_the_same(tmp_path, method):
    chosen = experiment("maze", method=method, **house.settings(method))
    assert from_toml(written(tmp_path, to_toml(chosen))) == chosen


def test_a_task_without_actors_is_a_file_too(tmp_path):
    chosen = experiment("arm", method="cma-mae", steps=10_000)
    assert from_toml(written(tmp_path, to_toml(chosen))) == chosen


def test_what_a_file_leaves_out_is_usual_and_names_given_beside_it_win(tmp_path):
    path = written(tmp_path, '[experiment]\ntask = "maze"\n[student]\nhidden = 7\n')
    assert from_toml(path) == experiment("maze", hidden=7)
    assert from_toml(path, method="plr") == experiment("maze", method="plr", hidden=7)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    """Editors on Windows write one."""
    path = written(tmp_path, '\ufeff[experiment]\ntask = "maze"\n')
    assert from_toml(path) == experiment("maze")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[student]\nhidden = 3", r"names no task: expected \[experiment\] with task = \"maze\""),
        ('[experiment]\ntask = "mase"', "Unknown environment 'mase'.*Did you mean 'maze'"),
        ('[experiment]\ntaks = "maze"', "no field 'taks'.*Did you mean 'task'"),
        ("[experiment]\ntask = 3", "experiment.task must be text, got 3"),
        ('[experiment]\ntask = "maze"\n[studnet]\nhidden = 3', "'studnet'.*Did you mean 'student'"),
        ('[experiment]\ntask = "maze"\n[student]\nhiden = 3', r"Did you mean 'student.hidden'"),
        ('[experiment]\ntask = "maze"\n[student]\nhidden = "3"', "must be a whole number, got '3'"),
        ('hidden = 3\n[experiment]\ntask = "maze"', "unknown table or field 'hidden'"),
        ("[experiment", "is not valid TOML"),
    ],
)
def test_every_mistake_names_the_file_or_the_nearest_name(tmp_path, text, said):
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=said) as refused:
        from_toml(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "damage", [{"task": 3}, {"run": None}, {"student": {"hidden": "x"}}, {"experiment": {}}]
)
def test_a_saved_config_that_cannot_be_is_refused_in_one_line(damage):
    saved = experiment("maze").to_dict()
    assert Experiment.from_dict(saved).to_dict() == saved
    with pytest.raises(RunError, match="does not fit this release") as refused:
        Experiment.from_dict(saved | damage)
    assert "\n" not in str(refused.value)


def test_the_command_prints_a_file_and_takes_it_with_flags_that_win(tmp_path, capsys):
    assert main.run(["train", "maze", "--method", "plr", "--width", "9", "--print-config"]) == 0
    path = written(tmp_path, capsys.readouterr().out)
    assert from_toml(path) == experiment("maze", method="plr", width=9)
    again = ["train", "--config", str(path), "--student.hidden", "6", "--print-config"]
    assert main.run(again) == 0
    printed = written(tmp_path, capsys.readouterr().out)
    assert from_toml(printed) == experiment("maze", method="plr", width=9, hidden=6)


def test_hosts_compare_every_setting_of_every_section():
    """PAIRED's student and teacher have settings of one name."""
    flat = training._flat({"student": {"hidden": 1}, "teacher": {"hidden": 2}, "kept": 3})
    assert flat == {"student.hidden": 1, "teacher.hidden": 2, "kept.": 3}
