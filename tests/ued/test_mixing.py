"""What the table of combinations says works makes an experiment; what it refuses is refused so."""

import json
from typing import ClassVar

import jax
import pytest

import cairn
from cairn.cli import main
from cairn.core.errors import ConfigError
from cairn.envs.adapters.seeded import Seeds
from cairn.envs.cartpole import CartPole
from cairn.runs import catalogue
from cairn.ued import mixing, needs


class Returns(CartPole):
    """Levels that are seeds, and episodes that nobody solves: as adapters have them."""

    measure: ClassVar[str] = "return"

    @property
    def space(self):
        return Seeds()

    def reset(self, key, level):
        return super().reset(key, super().space.sample(jax.random.key(level)))


TASKS = {"maze": "maze", "pendulum": "pendulum", "returns": "test_mixing:Returns"}


@pytest.fixture(scope="module")
def envs():
    return {name: catalogue.task(task)() for name, task in TASKS.items()}


@pytest.fixture(scope="module")
def rows(envs):
    return mixing.table(envs)


def test_every_method_stands_in_it_with_names_that_are_explained(rows):
    assert {row.method for row in rows} == set(catalogue.WINGS[mixing.WING])
    for row in rows:
        assert set(row.generators) <= set(needs.GENERATORS) and row.curator in needs.CURATORS


@pytest.mark.slow
def test_what_works_makes_an_experiment_and_what_is_refused_raises_with_that_reason(rows, envs):
    for row in rows:
        for name, env in envs.items():
            wanted = mixing.settings(row.method, row.score, env)
            make = lambda n=name, r=row, w=wanted: cairn.experiment(TASKS[n], method=r.method, **w)  # noqa: E731
            if name not in row.refused:
                assert make().algorithm.scored_by == row.score
                continue
            with pytest.raises(ConfigError) as refused:
                make()
            assert str(refused.value) == row.refused[name]


@pytest.mark.parametrize(
    ("method", "score", "task", "reason"),
    [
        ("plr", "learnability", "returns", "episodes that succeed or fail, but Returns measures"),
        ("sfl", "learnability", "returns", "episodes that succeed or fail, but Returns measures"),
        ("accel", "maxmc", "returns", "edits levels, but those of Returns have no neighbours"),
        ("plr", "regret", "maze", "score 'regret' compares student and antagonist"),
        ("plr", "perfect-regret", "pendulum", "does not know the best return of a level"),
        ("paired", "regret", "returns", "designs levels, but Returns has no editor"),
        ("plr", "perfect-regret", "maze", None),
        ("plr", "maxmc", "returns", None),
        ("accel", "learnability", "pendulum", None),
        ("paired", "regret", "maze", None),
        ("paired", "regret", "pendulum", None),
        ("dr", "", "returns", None),
    ],
)
def test_each_kind_of_refusal_and_of_consent(rows, method, score, task, reason):
    (row,) = (row for row in rows if (row.method, row.score) == (method, score))
    assert (reason or "") in row.refused.get(task, "") and bool(reason) == (task in row.refused)


def test_without_success_sfl_names_methods_and_not_scores_it_cannot_take(rows):
    told = {row.method: row.refused["returns"] for row in rows if row.score == "learnability"}
    assert "Choose a method that goes by returns (plr)" in told["sfl"]
    assert "Choose a score that reads returns" in told["plr"]


def test_a_person_reads_it_whole_and_a_program_as_json(capsys):
    assert main.run(["list", "mixing"]) == 0
    printed = capsys.readouterr().out
    assert "paired" in printed and "does not know the best return of a level" in printed
    for name in catalogue.WINGS[mixing.WING]:
        assert f"\n{name} " in printed
    assert main.run(["list", "mixing", "test_mixing:Returns", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["environments"] == {"test_mixing:Returns": []}
    assert any(row["method"] == "sfl" and row["refused"] for row in told["rows"])
    asked = {row["method"]: row["needs"] for row in told["rows"]}  # of each the last row
    assert "deterministic" in asked["remidi"] and "demonstrations" in asked["backplay"]
    assert all(row["method"] != "backplay" or row["refused"] for row in told["rows"])
    assert {name for row in told["rows"] for name in row["needs"]} <= set(told["needs"])
    assert main.run(["list", "mixing", "arm"]) == 2
    assert "arm is not an environment" in capsys.readouterr().err


def test_an_environment_that_lacks_something_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "half_made.py").write_text(
        "from cairn.envs.protocol import Environment\nclass Half(Environment):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert main.run(["list", "mixing", "half_made:Half"]) == 2
    complaint = capsys.readouterr().err
    assert "half_made:Half cannot be made" in complaint and complaint.count("\n") == 1
