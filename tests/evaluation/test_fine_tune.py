"""Copies that learn on one level bound regret from below; by hand, by the solver, by command."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import house
import written_runs
from cairn.cli.main import run as cairn_command
from cairn.core.errors import ConfigError
from cairn.evaluation.fine_tune import Tuned, fine_tune
from cairn.evaluation.regret_figures import figures
from cairn.learners.ppo import PPO, PPOConfig
from cairn.runs.open import open_run
from cairn.runs.presets import experiment
from cairn.runs.regret import regret
from cairn.show import regret as panel
from cairn.show import regret_sheet
from cairn.show.subject import read

SMALL = {
    "memory": "none", "hidden": 16, "head": 16, "filters": 4, "learning_rate": 5e-3, "epochs": 2,
    "minibatches": 1, "entropy_weight": 0.0, "decay": "linear",
}  # fmt: skip
MAZE = {"width": 5, "height": 5, "walls": 3, "limit": 12, "generator": "walls"}


@pytest.fixture(scope="module")
def tuned():
    """Copies of an untrained student after 0, 2 and 40 updates, and the best that can be."""
    plr = experiment("maze", method="plr", **MAZE, batch=16, steps_per_cycle=24, steps=10_000)
    how = plr.how.program(plr.setup(None)).valuation
    assert how is not None
    learner = PPO.of(how.env, PPOConfig(**SMALL))

    @jax.jit
    def look(updates):
        levels = jax.vmap(how.env.space.sample)(jax.random.split(jax.random.key(3), 6))
        state = learner.init(jax.random.key(1))
        keys = jax.random.split(jax.random.key(2), 6)
        found = fine_tune(how, learner, state, levels, keys, updates=updates, episodes=24)
        return found, jax.vmap(how.env.optimal_return)(levels)

    return {number: jax.device_get(look(jnp.int32(number))) for number in (0, 2, 40)}


@pytest.mark.slow
def test_the_bound_stays_below_regret_and_comes_nearer_with_more_updates(tuned):
    regret = {}
    for number, (found, optimal) in tuned.items():
        assert found.student.shape == found.copy.shape == (6, 24)
        # No attempt beats the solver, so no mean of them does.
        assert (found.copy <= optimal[:, None] + 1e-5).all()
        regret[number] = (optimal - found.student.mean(axis=1)).mean()
        assert (found.updates <= number).all()
        assert (found.steps >= (number + 1) * 16 * 24).all()
    assert len({round(float(value), 5) for value in regret.values()}) == 1
    bound = {number: (one.copy - one.student).mean() for number, (one, _) in tuned.items()}
    # Without an update the copy is the student, and the same draws give the same returns.
    assert bound[0] == 0 and (tuned[0][0].copy == tuned[0][0].student).all()
    assert bound[40] > bound[2] + 0.1 and 0.5 * regret[40] < bound[40] <= regret[40]


def test_figures_by_hand():
    student = np.array([[0.0, 0.2], [0.5, 0.5], [0.0, 0.0]], np.float32)
    copy = np.array([[0.6, 0.8], [0.5, 0.5], [1.0, 0.0]], np.float32)
    tuned = Tuned(student, copy, np.array([3, 0, 2]), np.array([9, 9, 9]))
    found = figures(tuned, np.array([0.9, 0.5, 1.0]))
    assert found["bound"]["value"] == pytest.approx((0.6 + 0 + 0.5) / 3)
    assert found["bound"]["interval_over"] == "levels"
    assert found["regret"]["value"] == pytest.approx((0.8 + 0 + 1.0) / 3)
    assert found["share_of_regret"] == pytest.approx(1.1 / 1.8) and found["spearman"] is None
    # Both attempts 0.6 better: sure. One better by 1, the other by nothing: not.
    assert found["surely_above"] == pytest.approx(1 / 3)
    assert [row["standard_error"] for row in found["by_level"]] == pytest.approx(
        [0, 0, np.std([1, 0], ddof=1) / np.sqrt(2)], abs=1e-6
    )
    assert "regret" not in figures(tuned, None)


def test_luck_of_the_student_does_not_make_bound_and_regret_agree():
    """Two attempts at levels that are all alike: what differs between them is luck alone."""
    rng = np.random.default_rng(0)
    student = (rng.random((400, 2)) < 0.5).astype(np.float32)
    tuned = Tuned(student, np.ones((400, 2)), np.zeros(400, int), np.ones(400, int))
    assert abs(figures(tuned, np.ones(400))["spearman"]) < 0.15
    alike = Tuned(np.ones((9, 2)), np.ones((9, 2)), np.zeros(9, int), np.ones(9, int))
    assert figures(alike, np.ones(9))["spearman"] is None


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return written_runs.write_accel(tmp_path_factory.mktemp("bounds") / "accel")


@pytest.mark.slow
def test_the_command_says_that_it_is_a_lower_bound_and_keeps_the_result(path, capsys):
    words = ["regret", str(path), "--levels", "6", "--updates", "1", "--episodes", "2"]
    assert cairn_command([*words, "--of", "archive"]) == 0
    out = capsys.readouterr().out
    assert "lower bound of regret" in out and "at most its regret" in out
    report = json.loads((path / "regret.json").read_text())
    assert report["lower_bound"] and report["seed"] == 0 and list(report["sources"]) == ["archive"]
    assert report["sources"]["archive"]["levels"] == 5  # it holds no more; two pieces, one short
    assert len(report["sources"]["archive"]["by_level"]) == 5
    assert (path / "pictures" / "regret.png").stat().st_size > 10_000
    subject = read(path)
    assert panel.applies(subject) is None
    section = panel.section(subject, {})
    assert "lower bound of regret, not regret itself" in section.parts[0].text
    assert len(section.parts[2].rows) == 5
    (path / "regret.json").write_text("{}")
    assert cairn_command(["show", str(path), "--out", str(path.parent / "pictures")]) == 2
    assert "holds no bounds that can be read (KeyError)" in capsys.readouterr().err
    assert callable(regret_sheet.draw)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--levels", "0"], "levels must be at least 1, got 0"),
        (["--updates", "0"], "updates must be at least 1, got 0"),
        (["--episodes", "1"], "episodes must be at least 2, got 1"),
        (["--of", "frsh"], "no 'frsh' levels. Expected archive or fresh. Did you mean 'fresh'?"),
        (["--run-seed", "7"], "has the seeds [0, 1], got seed=7"),
    ],
)
def test_what_cannot_be_bounded_is_refused_in_one_line(path, capsys, arguments, complaint):
    assert cairn_command(["regret", str(path), *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_who_learns_nothing_has_no_copies_that_could(path):
    random = experiment("maze", method="random", **house.settings("random"))
    run = open_run(path)._replace(experiment=random, state=random.compiled().init())
    with pytest.raises(ConfigError, match=r"learns nothing \(random\)"):
        regret(run)
