"""Settings by flat name: the Python API and the flags share them."""

import dataclasses
from typing import Literal

import pytest

from cairn.cli import flags
from cairn.core.errors import ConfigError
from cairn.envs.maze.env import Maze
from cairn.core.sections import change, settings
from cairn.runs.presets import experiment
from cairn.runs.train import free_directory


class Clashing(Maze):
    """A maze with a field whose name the method has too."""

    batch: int = 3


def test_a_setting_is_changed_wherever_it_lives():
    chosen = experiment(
        "maze", method="plr", width=9, capacity=20, gamma=0.9, steps=10**7, see_agent=True
    )
    assert (chosen.env.width, chosen.env.see_agent) == (9, True)
    assert chosen.algorithm.capacity == 20
    assert chosen.student.gamma == 0.9
    assert chosen.run.steps == 10**7
    assert chosen.method == "plr"


def test_every_field_of_every_part_is_a_setting():
    chosen = experiment("maze", method="accel")
    parts = chosen.env, chosen.algorithm, chosen.student, chosen.run
    names = [field.name for part in parts for field in dataclasses.fields(part)]
    assert list(settings(chosen)) == names


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hiden": 3}, "Unknown setting 'hiden'. Did you mean 'hidden'?"),
        ({"hidden": "3"}, "hidden must be a whole number, got '3'"),
        ({"hidden": True}, "hidden must be a whole number, got True"),
        ({"gamma": "x"}, "gamma must be a number"),
        ({"see_agent": 1}, "see_agent must be true or false"),
        ({"generator": "wals"}, "generator must be one of walls, "),
    ],
)
def test_a_wrong_setting_is_refused(wrong, said):
    with pytest.raises(ConfigError) as refused:
        change(experiment("maze"), **wrong)
    assert said in str(refused.value)


def test_an_environment_may_not_reuse_the_name_of_a_setting(monkeypatch):
    chosen = dataclasses.replace(experiment("maze"), env=Clashing(), environment="own:Clashing")
    with pytest.raises(ConfigError, match=r"'batch'.*Rename the field"):
        settings(chosen)


def test_the_next_free_directory_is_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = experiment("maze", method="plr")
    assert str(free_directory(chosen)) == "runs/maze-plr-1"
    (tmp_path / "runs" / "maze-plr-1").mkdir(parents=True)
    assert str(free_directory(chosen)) == "runs/maze-plr-2"


@dataclasses.dataclass(frozen=True)
class Small:
    """For the parser alone."""

    count: int = 1
    """How many."""
    kind: Literal["one", "two"] = "one"
    """Which."""
    loud: bool = False
    """Whether."""


KINDS = {"count": int, "kind": Literal["one", "two"], "loud": bool}


def test_flags_fill_the_dataclass():
    parsed = flags.parse(
        Small, ["--count=-2", "--kind", "two", "--loud"], KINDS, default=Small(), prog="x"
    )
    assert parsed == Small(-2, "two", True)
    parsed, rest = flags.parse_known(Small, ["--other", "3", "--count", "4"], KINDS)
    assert (parsed, rest) == (Small(4), ["--other", "3"])


def test_negations_are_flags_of_truths_only():
    parsed = flags.parse(Small, ["--no-loud"], KINDS, default=Small(loud=True), prog="x")
    assert not parsed.loud
    with pytest.raises(ConfigError, match="--no-count"):
        flags.parse(Small, ["--no-count"], KINDS, default=Small(), prog="x")
