"""One tiny run, tested, compared, loaded; by functions and by commands."""

import json
import shutil
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

import cairn
from cairn.cli.compare import show
from cairn.cli.main import run as command
from cairn.core import checkpoint
from cairn.core.errors import ConfigError, RunError
from cairn.envs.cartpole import CartPole
from cairn.envs.maze.env import Maze
from cairn.envs.protocol import Discrete, Quick
from cairn.evaluation.during import during
from cairn.learners.protocol import Actor
from cairn.learners.random import Nothing, RandomPolicy
from cairn.runs import evaluate as evaluating
from cairn.runs.open import open_run
from cairn.runs.presets import experiment
from cairn.runs.train import train

TINY = {
    "memory": "none",
    "hidden": 8,
    "head": 8,
    "epochs": 1,
    "minibatches": 1,
    "batch": 4,
    "steps_per_cycle": 8,
    "log_every": 2,
    "evaluate_every": 1,
    "steps": 128,
    "seeds": 2,
    "seed": 5,
}
LEVELS = [
    {"rows": ["..#", "..."], "agent": [0, 0], "heading": 0, "goal": [2, 1], "name": "mine"},
    {"rows": [".#."], "agent": [0, 0], "heading": 0, "goal": [2, 0], "name": "[walled]"},
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "run"
    train(experiment("maze", method="dr", turns=1, limit=30, **TINY), path)
    return path


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    path = tmp_path_factory.mktemp("levels") / "mine.json"
    path.write_text(json.dumps(LEVELS))
    return path


def printed(capsys, *arguments):
    status = command([str(argument) for argument in arguments])
    out = capsys.readouterr()
    return status, out.out, out.err


@pytest.mark.slow
def test_evaluation_while_training_is_in_the_metrics_and_in_the_ledger(path):
    lines = open_run(path).directory.metrics()
    tested = [line for line in lines if "evaluation" in line]
    assert len(tested) == 2
    for line in tested:
        for suite in ("named", "random"):
            assert len(line["evaluation"][suite]["solve_rate"]) == 2
    spent = [line["ledger"]["evaluation"] for line in tested]
    assert spent[1][0] > spent[0][0] > 0


class Seeds(NamedTuple):
    """The state of two seeds that learn nothing."""

    key: jax.Array
    cycle: jax.Array


class Ladder(CartPole):
    """Says itself what it is tested by while it trains."""

    measure = "return"

    def quick_suites(self):
        return {"random": Quick(3, 2)}


@pytest.mark.slow
def test_the_environment_says_what_is_tested_while_training_and_by_what():
    env = Ladder(limit=5)
    test = during(env, lambda state: Actor(RandomPolicy(Discrete(2)), Nothing()))
    state = Seeds(jax.random.split(jax.random.key(0), 2), jnp.zeros(2, jnp.int32))
    figures, steps = test(state)
    assert list(figures) == ["random"] and figures["random"]["measure"] == "return"
    assert steps.tolist() == [30, 30]  # 3 levels, 2 attempts, 5 steps: nobody falls so early
    assert figures["random"]["return"] == pytest.approx([1, 1])
    assert Maze().quick_suites() == {"random": Quick(64, 1), "named": Quick(8, 10)}
    assert CartPole().quick_suites() == {"random": Quick(64, 1)}


@pytest.mark.slow
def test_evaluation_while_training_repeats_and_changes_nothing(path):
    run = open_run(path)
    evaluate = during(run.experiment.env, lambda state: run.program.actors(state)["student"])
    before = checkpoint.digest(run.state)
    figures, steps = evaluate(run.state)
    assert (figures, steps.tolist()) == (evaluate(run.state)[0], evaluate(run.state)[1].tolist())
    assert checkpoint.digest(run.state) == before
    # The last line of the metrics was made by another process of the same state.
    assert run.directory.metrics()[-1]["evaluation"] == figures


@pytest.mark.slow
def test_json_has_a_rate_and_an_interval_for_every_suite_and_level(path, capsys):
    status, out, _ = printed(capsys, "evaluate", path, "--json", "-", "--attempts", 4)
    report = json.loads(out)
    assert status == 0 and report["seeds"] == [5, 6] and list(report["suites"]) == ["named"]
    named = report["suites"]["named"]
    assert len(named["levels"]) == 10
    for figures in (named, *named["levels"].values()):
        low, high = figures["interval"]
        assert 0 <= low <= figures["solve_rate"] <= high <= 1
        assert figures["interval_over"] == "seeds"
    mean = np.mean([f["solve_rate"] for f in named["levels"].values() if f["headline"]])
    assert named["solve_rate"] == pytest.approx(mean)
    assert report == json.loads(json.dumps(cairn.evaluate(path, attempts=4)))


@pytest.mark.slow
def test_a_file_of_levels_is_tested_alone_and_written_to_json(path, levels, capsys, tmp_path):
    target = tmp_path / "result.json"
    status, out, _ = printed(capsys, "evaluate", path, "--levels", levels, "--json", target)
    report = json.loads(target.read_text())
    assert status == 0 and list(report["suites"]) == ["file"]
    figures = report["suites"]["file"]
    assert list(figures["levels"]) == ["mine", "[walled]"]
    assert "mine" in out and "[walled]" in out and "solve rate" in out
    # The run's own limit, and levels that nobody can solve are marked.
    assert figures["step_limit"] == 30 and figures["levels"]["mine"]["optimal_steps"] == 5
    assert "WARNING: In the mean, though nobody can solve them in 30 steps: [walled]" in out
    assert "solvable levels" in out and "at most 30 steps" in out
    assert [line.split("│")[-2].strip() for line in out.splitlines() if "│" in line][-2:] == [
        "5",
        "none",
    ]


@pytest.mark.slow
def test_one_level_is_called_one_level(path, levels, capsys, tmp_path):
    one = tmp_path / "one.json"
    one.write_text(json.dumps(LEVELS[:1]))
    status, out, _ = printed(capsys, "evaluate", path, "--levels", one, "--attempts", 1)
    assert status == 0 and "1 level," in out and "1 attempt at" in out and "WARNING" not in out


@pytest.mark.slow
def test_greedy_actions_are_the_same_in_every_attempt(path, capsys):
    report = cairn.evaluate(path, attempts=3, actions="greedy")
    assert report["actions"] == "greedy"
    for figures in report["suites"]["named"]["levels"].values():
        assert not figures["headline"] or figures["solve_rate"] in (0, 0.5, 1)  # by seed: 0 or 1
    run = open_run(path)
    floor = experiment("maze", method="random")
    with pytest.raises(ConfigError, match=r"RandomPolicy has no greedy actions.*sampled"):
        cairn.evaluate(run._replace(experiment=floor), actions="greedy")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--suite", "famous"], "no test suite 'famous'. Expected one of named"),
        (["--attempts", "0"], "attempts must be at least 1"),
        (["--levels", "nowhere.json"], "nowhere.json"),
        (["--json", "no/such/folder.json"], "existing directory"),
        (["--json", "{run}/config.json"], "must not write into the run"),
        (["--sweet", "named"], "Unknown flag --sweet"),
        (["--role", "teacher"], "has no role 'teacher'. Expected one of student"),
        (["--seed", "-1"], "seed must lie in"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(path, capsys, arguments, complaint):
    given = [argument.format(run=path) for argument in arguments]
    status, out, error = printed(capsys, "evaluate", path, *given)
    assert (status, out) == (2, "")
    assert complaint in error and error.count("\n") == 1


@pytest.mark.slow
def test_both_runs_of_a_comparison_are_played_by_the_role_that_is_named(path, capsys, monkeypatch):
    asked = []
    played = evaluating.results
    monkeypatch.setattr(
        evaluating, "results", lambda *a, **k: asked.append(k["role"]) or played(*a, **k)
    )
    words = ("compare", path, path, "--attempts", 1, "--json", "-", "--role", "student")
    status, out, _ = printed(capsys, *words)
    assert status == 0 and json.loads(out)["role"] == "student"
    assert asked == ["student", "student"]
    status, _, error = printed(capsys, "compare", path, path, "--role", "teacher")
    assert status == 2 and "has no role 'teacher'. Expected one of student" in error


@pytest.mark.slow
def test_a_directory_that_is_no_run_is_refused(capsys, tmp_path, path):
    assert printed(capsys, "evaluate", tmp_path)[0] == 2
    assert "Expected a run directory first" in printed(capsys, "evaluate")[2]
    assert "Expected 2 run directories first" in printed(capsys, "compare", path)[2]
    with pytest.raises(RunError, match="does not exist"):
        cairn.load(tmp_path / "nothing")


@pytest.mark.slow
def test_a_run_compared_with_its_copy_differs_by_nothing(path, levels, capsys, tmp_path):
    copy = shutil.copytree(path, tmp_path / "copy")
    status, out, _ = printed(capsys, "compare", path, copy, "--json", "-", "--attempts", 4)
    report = json.loads(out)
    assert status == 0 and report["equal_ledger"] and "at_equal_steps" not in report
    figures = report["suites"]["named"]
    assert figures["difference"] == 0 and figures["interval"] == [0, 0]
    assert figures["interval_over"] == "seeds"
    with pytest.raises(ConfigError, match="one environment only"):
        other = open_run(copy)
        other = other._replace(experiment=experiment("cartpole", method="dr"))
        cairn.compare(path, other)


@pytest.mark.slow
def test_unequal_spend_is_said_and_compared_at_equal_steps(path, capsys, tmp_path):
    run = open_run(path)
    more = jax.vmap(lambda ledger: ledger.add(training=64))(run.state.ledger)
    longer = run._replace(state=eqx.tree_at(lambda state: state.ledger, run.state, more))
    report = cairn.compare(run, longer, attempts=4)
    assert not report["equal_ledger"] and report["steps"][1] - report["steps"][0] == 64
    assert report["at_equal_steps"]["steps"] == 128
    show(report, Console())
    assert "WARNING: A and B did not spend the same" in capsys.readouterr().out


@pytest.mark.slow
def test_a_loaded_policy_plays_an_episode_and_repeats_it(path):
    policy = cairn.load(path, seed=6)
    reset, step = jax.jit(policy.env.reset), jax.jit(policy.env.step)
    level = jax.jit(policy.env.space.sample)(jax.random.key(1))
    episodes = []
    for _ in range(2):
        policy.reset(3)
        state, observation = reset(jax.random.key(0), level)
        actions = []
        for _ in range(10):
            actions.append(policy.act(observation))
            played = step(jax.random.key(0), state, jnp.int32(actions[-1]))
            state, observation = played.state, played.observation
        episodes.append(actions)
    assert episodes[0] == episodes[1] and len(set(episodes[0])) > 1
    _, first = reset(jax.random.key(0), level)
    decision = policy.decide(policy.state, first, policy.initial_memory(), jax.random.key(0))
    assert 0 <= int(decision.action) < 7
    with pytest.raises(ConfigError, match=r"seeds \[5, 6\], got seed=9"):
        cairn.load(path, seed=9)
