"""Settings by flat name: the Python API and the flags share them."""

import dataclasses
from typing import Literal

import pytest

from cairn.cli import flags, main
from cairn.core.errors import ConfigError
from cairn.core.sections import settings
from cairn.envs.maze.env import Maze
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
    assert list(settings(chosen.everything)) == names


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
        experiment("maze").changed(wrong)
    assert said in str(refused.value)


class Boundless(Maze):
    """A maze with a setting that no saved run could hold."""

    reach: float = float("inf")


def test_a_number_that_a_saved_run_cannot_hold_is_refused():
    with pytest.raises(ConfigError, match=r"reach must be a finite number, got inf"):
        experiment("cli.test_settings:Boundless")
    assert experiment("cli.test_settings:Boundless", reach=3).env.reach == 3.0


def test_a_whole_number_is_the_number_that_a_flag_makes_of_it():
    """So that the same settings give the same config and the same digest, however they came."""
    begun = experiment("maze", method="plr", gamma=1)
    assert repr(begun.student.gamma) == "1.0"
    _, flagged = flags.parse_sections(begun.everything, Small(), ["--gamma", "1"], KINDS, prog="x")
    assert repr(flagged["student"].gamma) == "1.0"
    assert repr(begun.changed({"hidden": 1, "run.steps": 10**6}).student.hidden) == "1"


def test_a_name_of_two_sections_goes_by_its_long_form():
    chosen = experiment("cli.test_settings:Clashing")
    assert {"task.batch", "algorithm.batch", "walls"} <= settings(chosen.everything).keys()
    with pytest.raises(ConfigError, match=r"several sections: say task.batch or algorithm.batch"):
        chosen.changed({"batch": 4})
    changed = chosen.changed({"task.batch": 4, "algorithm": {"batch": 8}, "student.hidden": 16})
    assert (changed.env.batch, changed.algorithm.batch, changed.student.hidden) == (4, 8, 16)


def test_flags_take_long_names_always_and_short_ones_where_they_are_unique():
    sections = experiment("cli.test_settings:Clashing").everything
    given = ["--algorithm.batch", "8", "--student.hidden=16", "--gamma", "0.9", "--task.see-agent",
             "--count", "3"]  # fmt: skip
    start, parsed = flags.parse_sections(sections, Small(), given, KINDS, prog="x")
    assert start.count == 3 and parsed["algorithm"].batch == 8 and parsed["task"].batch == 3
    assert (parsed["student"].hidden, parsed["student"].gamma) == (16, 0.9)
    assert parsed["task"].see_agent
    for wrong, said in (
        (["--batch", "3"], "say task.batch or algorithm.batch"),
        (["--teacher.hidden", "3"], "Unknown section 'teacher'"),
        (["--student.hiden", "3"], "Did you mean"),
        (["--student.hidden", "x"], "--hidden expects a whole number, got 'x'"),
    ):
        with pytest.raises(ConfigError) as refused:
            flags.parse_sections(sections, Small(), wrong, KINDS, prog="x")
        assert said in str(refused.value)


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


@pytest.mark.parametrize(
    ("words", "shown"), [(["train", "maze"], "--method STR "), (["evaluate"], "--role STR ")]
)
def test_help_shows_what_a_flag_takes_and_not_that_it_may_be_left_out(words, shown, capsys):
    with pytest.raises(SystemExit):
        main.run([*words, "--help"])
    told = capsys.readouterr().out
    assert shown in told and "{None}" not in told
