"""`cairn tune`: flags and files in, one clear line where they cannot be, a result out."""

import json
from pathlib import Path

import pytest

import cairn
from cairn.cli import main
from cairn.cli import tune as command
from cairn.runs import files
from cairn.show import tuning as picture
from cairn.tuning.scoring import choose_suite, scorers
from cairn.tuning.verdict import verdict

BOWL = ["tune", "bowl:Bowl", "--method", "bowl:METHOD", "--steps", "60", "--log-every", "1"]
SHORT = ["--seeds", "1", "--test-seeds", "1", "--metric", "gained", "--rungs", "2", "--rows", "4"]
RATE = ["--search", "algorithm.rate=log:1e-4,1"]


@pytest.fixture(autouse=True)
def bowls(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_the_same_command_finds_its_search_again_and_gives_json(capsys):
    assert main.run([*BOWL, *SHORT, *RATE, "--budget", "180", "--json", "-"]) == 0
    first = json.loads(capsys.readouterr().out)
    (path,) = Path("runs").iterdir()
    assert path.name.startswith("tune-Bowl-METHOD-")
    assert {p.name for p in path.iterdir()} >= {"README.txt", "result.json", "tuning.png"}
    assert json.loads((path / "result.json").read_text()) == first
    assert main.run([*BOWL, *SHORT, *RATE, "--budget", "180", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert main.run(["tune", "--resume", str(path)]) == 0
    told = capsys.readouterr().out
    assert "complete." in told and f"Train with it: cairn train --config {path}/best.toml" in told
    assert len(list(Path("runs").iterdir())) == 1
    assert main.run(["view", "runs", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["problem"].startswith("It is a search for settings by cairn tune")
    drawn = picture.trials([json.loads(x) for x in (path / "trials.jsonl").read_text().split("\n")
                            if x])  # fmt: skip
    assert len(drawn) == first["trials"]


def test_a_space_may_come_from_a_file(capsys):
    Path("space.toml").write_text(
        '[search.algorithm]\nrate = "log:1e-4,1"\nshare = { low = 0.1, high = 0.5 }\n'
        'bonus = ["none", "some"]\n'
    )
    words = [*BOWL, *SHORT, "--space", "space.toml", "--tuner", "random", "--budget", "60"]
    assert main.run([*words, "--json", "found.json", "--no-baseline"]) == 0
    found = json.loads(Path("found.json").read_text())
    assert found["space"]["algorithm.bonus"] == ["none", "some"]
    assert found["space"]["algorithm.share"] == {"low": 0.1, "high": 0.5, "log": False}
    assert found["default"] is None and found["trials"] == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tune"], "Expected a task first, got nothing"),
        ([*BOWL, *SHORT], "The search space is empty"),
        ([*BOWL, *SHORT, "--search"], "--search expects NAME=LOW,HIGH"),
        ([*BOWL, *SHORT, "--search", "algorithm.rat=0,1"], "Did you mean 'algorithm.rate'?"),
        ([*BOWL, *SHORT, "--search", "rate=-1,1"], "reaches -1.0, but rate must be positive"),
        ([*BOWL, *SHORT, *RATE, *RATE], "algorithm.rate is searched twice"),
        ([*BOWL, *SHORT, *RATE, "--tuner", "dehp"], "--tuner expects one of dehb, random, pbt"),
        ([*BOWL, *SHORT, *RATE, "--budgt", "1"], "Unknown flag --budgt. Did you mean '--budget'?"),
        (
            [*BOWL, *SHORT, *RATE, "--json", "no/such/folder"],
            "--json expects a file in an existing",
        ),
        (["tune", "--resume", "nowhere"], "nowhere does not exist"),
        (["tune", "--resume", "nowhere", *RATE], "--resume goes on with a search as it is"),
        ([*BOWL, *SHORT, "--space", "no.toml"], "there is no file no.toml"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(words, says, capsys):
    assert main.run(words) == 2
    complaint = capsys.readouterr().err
    assert says in complaint and complaint.count("\n") == 1
    assert not Path("runs").exists()


def test_named_levels_are_refused_and_procedural_ones_the_default():
    maze = cairn.experiment("maze")
    assert choose_suite(maze, None) == "procedural" and choose_suite(maze, "random") == "random"
    for asked, says in (("named", "Settings are not chosen by named levels"),
                        ("easy", "has no test suite 'easy'")):  # fmt: skip
        with pytest.raises(cairn.core.errors.ConfigError, match=says):
            choose_suite(maze, asked)
    assert choose_suite(cairn.experiment("cartpole"), None) == "random"


def test_tuning_and_test_levels_are_drawn_apart():
    env = cairn.experiment("cartpole").env
    first, second = (scorers(env, "random", 8, 2) for _ in range(2))
    tuning, again, test = first["tuning"], second["tuning"], first["test"]
    assert tuning.number == 16 and tuning.chosen == 8
    one, same, other = (s.levels for s in (tuning, again, test))
    import jax

    leaves = lambda tree: [leaf.tolist() for leaf in jax.tree.leaves(tree)]  # noqa: E731
    assert leaves(one) == leaves(same) != leaves(other)


def test_levels_of_a_suite_that_is_always_the_same_are_apart_too():
    """The lever game's suites are all of its games, and a maze may be given."""
    env = cairn.experiment("levers").env
    ours, theirs = (s.levels.answer for s in scorers(env, "visible", 64, 1).values())
    assert sorted([*ours.tolist(), *theirs.tolist()]) == list(range(env.levers))
    given = cairn.experiment("maze", level=">.#/..G").env
    with pytest.raises(cairn.core.errors.ConfigError, match="The suite 'level' has one level"):
        scorers(given, "level", 64, 1)
    # Of the fruit game's every tenth level is of another kind: both halves have some.
    fruit = scorers(cairn.experiment("fruit").env, "open", 200, 1)
    assert all(6 <= s.levels.banana.sum() <= 14 and s.chosen == 100 for s in fruit.values())


@pytest.mark.parametrize(
    ("found", "began", "says"),
    [
        ([0.9, 0.8, 0.9], [0.2, 0.1, 0.3], "What was found tested better than"),
        ([0.2, 0.1, 0.3], [0.9, 0.8, 0.9], "began with tested better than what was found, so keep"),
        ([0.9, 0.8], [0.2, 0.1], "2 test seeds). So few decide little: give --test-seeds 5."),
        ([0.9] * 5, [0.2] * 5, "better than what one began with: +0.700 (+0.700 to +0.700, 5 test"),
        ([0.2, 0.9, 0.3], [0.3, 0.8, 0.3], "cannot be told apart: +0.000 (-0.1"),
        ([0.9, None, None], [0.2, 0.1, 0.3], "What one began with holds better: of 3 test seeds 2"),
        ([0.9], [0.2], "cannot be told apart by one test seed"),
    ],
)
def test_the_last_word_is_whether_the_search_was_worth_it(found, began, says):
    test = lambda scores: {"test": {"by_seed": scores, "failed": scores.count(None)}}  # noqa: E731
    assert says in verdict({"incumbents": [test(found)], "default": test(began)})
    assert verdict({"incumbents": [test(found)], "default": None}) is None


def test_what_was_found_is_trained_with_all_flags_of_its_search():
    """Also those that say who learns, in what, and for how long."""
    given = cairn.experiment("cartpole", method="plr", score="positive-value-loss").changed(
        {"task.limit": 99, "student.hidden": 32, "student.memory": "none", "run.steps": 20_480}
    )
    Path("best.toml").write_text(files.to_toml(given))
    assert files.from_toml(Path("best.toml")) == given


def test_seeds_that_failed_the_test_stand_beside_the_mean_of_the_others():
    test = {"score": 0.5, "failed": 2, "by_seed": [0.5, None, None]}
    assert command.with_failures(test) == "0.500\n(2 of 3 failed)"
    assert command.with_failures(test | {"failed": 0, "by_seed": [0.5]}) == "0.500"
    assert command.after({"steps": 6827}) == "\n6,827 steps" and command.after({}) == ""
