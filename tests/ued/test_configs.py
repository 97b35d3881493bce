"""Settings that cannot work are refused before anything is compiled, and schedules keep time."""

import jax
import jax.numpy as jnp
import pytest

from cairn.core.errors import ConfigError
from cairn.core.ledger import Ledger
from cairn.engine import devices
from cairn.envs.maze.env import Maze
from cairn.learners.ppo import PPOConfig
from cairn.learners.random import RandomPolicy
from cairn.runs import catalogue
from cairn.runs.experiment import Experiment, RunConfig
from cairn.ued import accel, dr, parts, robust_plr, sfl
from cairn.ued.config import COUNTS
from cairn.ued.parts import Problem


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        (dr.Config, {"batch": 0}),
        (dr.Config, {"steps_per_cycle": 0}),
        (dr.Config, {"turns": 0}),
        (robust_plr.Config, {"batch": -1}),
        (robust_plr.Config, {"replay_probability": 1.5}),
        (robust_plr.Config, {"capacity": 0}),
        (accel.Config, {"mutation_probability": -0.1}),
        (accel.Config, {"mutation_probability": 20.0}),
        (sfl.Config, {"batch": 0}),
        (sfl.Config, {"refresh": 0}),
        (sfl.Config, {"candidates": 0}),
        (sfl.Config, {"candidate_batches": 0}),
        (sfl.Config, {"scoring_steps": 0}),
        (sfl.Config, {"keep": 0}),
        (sfl.Config, {"keep": 513}),
        (sfl.Config, {"selected": 33}),
        (PPOConfig, {"hidden": 0}),
        (PPOConfig, {"head": 0}),
        (PPOConfig, {"filters": 0}),
        (PPOConfig, {"embedding": 0}),
        (PPOConfig, {"epochs": 0}),
        (PPOConfig, {"minibatches": 0}),
        (PPOConfig, {"learning_rate": -1e-3}),
        (PPOConfig, {"learning_rate": float("nan")}),
        (PPOConfig, {"gamma": 1.01}),
        (PPOConfig, {"gae_lambda": -0.1}),
        (PPOConfig, {"clip": 0.0}),
        (PPOConfig, {"max_gradient_norm": 0.0}),
    ],
)
def test_a_setting_that_cannot_work_is_named_with_what_came(config, fields):
    (name, value), *_ = fields.items()
    with pytest.raises(ConfigError, match=rf"{name} must .*got {value}"):
        config(**fields)


@pytest.mark.parametrize(
    ("method", "fields", "minibatches", "usable"),
    [
        ("dr", {"batch": 32}, 4, 2),
        ("dr", {"batch": 6}, 2, 1),  # three trajectories a minibatch: two devices cannot share
        ("parallel-plr", {"batch": 4}, 2, 2),
        ("sfl", {"batch": 32, "candidates": 512}, 4, 2),
        ("sfl", {"batch": 32, "candidates": 511}, 4, 1),
    ],
)
def test_only_devices_that_divide_every_rollout_and_minibatch_are_used(
    monkeypatch, method, fields, minibatches, usable
):
    config = catalogue.method(method).sections["algorithm"](**fields)
    student = PPOConfig(minibatches=minibatches)
    sections = {"task": Maze(), "algorithm": config, "student": student}
    run = Experiment("maze", method, sections, RunConfig())
    monkeypatch.setattr(jax, "devices", lambda: ["one", "two"])
    assert devices.usable(1, run.shared_columns) == usable


def test_progress_counts_training_scoring_and_mutation_and_stops_at_one():
    problem = Problem(Maze(), RandomPolicy(Maze().action_spec), 0.99, 0.95, False, 1000)
    state = parts.begin(problem, jax.random.key(0), None)

    def after(**spent):
        ledger = Ledger.zero(COUNTS).add(**spent)
        now = parts.State(state.key, state.cycle, state.learner, None, ledger, None)
        return float(parts.progress(now, problem))

    assert after() == 0.0
    assert after(training=100, scoring=50, mutation=100, evaluation=700) == 0.25
    assert after(training=3000) == 1.0


def test_progress_of_runs_longer_than_an_int32():
    problem = Problem(Maze(), RandomPolicy(Maze().action_spec), 0.99, 0.95, False, 4 * 10**9)
    state = parts.begin(problem, jax.random.key(0), None)

    @jax.jit
    def progress(amount):
        ledger = Ledger.zero(COUNTS).add(training=2**31, scoring=amount)
        now = parts.State(state.key, state.cycle, state.learner, None, ledger, None)
        return parts.progress(now, problem)

    assert abs(progress(jnp.int32(0)) - 2**31 / 4e9) < 1e-6
