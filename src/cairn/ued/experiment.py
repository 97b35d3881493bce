"""A whole run described: environment, method, student, budget. From it everything is built."""

import dataclasses
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
from jaxtyping import PyTree

from cairn.core import axes
from cairn.core.errors import ConfigError, RunError
from cairn.engine import devices
from cairn.engine.compiled import Compiled, Program, SeedForm, compile_program
from cairn.envs import catalogue as environments
from cairn.envs.protocol import Environment
from cairn.learners.ppo import PPOConfig, student
from cairn.learners.protocol import Learner
from cairn.learners.random import RandomPolicy
from cairn.ued.catalogue import METHODS
from cairn.ued.parts import CycleConfig, Problem


@dataclass(frozen=True)
class RunConfig:
    """Budget, seeds, and how often the run looks up from its work."""

    steps: int = 8_192_000
    """Environment steps for training, scoring and mutation, for each seed; rounded up to whole
    chunks of `log_every` cycles."""
    seeds: int = 1
    """How many seeds train in this one program: seed, seed + 1, ..."""
    seed: int = 0
    """The first seed."""
    devices: int = 0
    """Devices that share the work: seeds first, then columns. 0 takes as many as divide it; the
    number found is saved, because a run goes on exactly only with as many as it began with."""
    log_every: int = 10
    """Cycles in one compiled chunk, and in one line of metrics."""
    evaluate_every: int = 10
    """Chunks between two evaluations during the run; 0 for only one at the end."""
    checkpoint_every: int = 10
    """Chunks between two checkpoints; there is always one at the end and after Ctrl-C."""

    def __post_init__(self) -> None:
        for name in ("steps", "seeds", "log_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.evaluate_every < 0:
            raise ConfigError(f"evaluate_every must not be negative, got {self.evaluate_every}.")
        if not 0 <= self.seed < 2**32 - self.seeds:
            raise ConfigError(f"seed must lie in [0, 2^32 - seeds), got {self.seed}.")


@dataclass(frozen=True)
class Experiment:
    """All there is to know before the first step."""

    environment: str
    """Name of the environment, or `package.module:Class`."""
    env: Environment
    method: str
    algorithm: CycleConfig
    student: PPOConfig
    run: RunConfig

    def __post_init__(self) -> None:
        columns = self.algorithm.batch
        if columns % self.student.minibatches:
            raise ConfigError(
                f"minibatches must divide the {columns} trajectories of a batch, got "
                f"{self.student.minibatches}: minibatches are whole trajectories."
            )
        least = columns * self.algorithm.steps_per_cycle
        if self.run.steps < least:
            raise ConfigError(
                f"steps must be at least one batch of {columns} x "
                f"{self.algorithm.steps_per_cycle} = {least}, got {self.run.steps}."
            )

    @property
    def learner(self) -> Learner:
        """The student."""
        if self.method == "random":
            return RandomPolicy(self.env.action_spec)
        return student(self.env, self.student)

    @property
    def problem(self) -> Problem:
        """What the method is bound to."""
        return Problem(
            self.env,
            self.learner,
            self.student.gamma,
            self.student.gae_lambda,
            self.student.bootstraps(self.env),
            self.run.steps,
            self.layout.columns,
        )

    @property
    def layout(self) -> devices.Layout:
        """How the devices share the work."""
        run = self.run
        count = run.devices or devices.usable(run.seeds, self.shared_columns)
        return devices.plan(count, run.seeds, self.shared_columns)

    @property
    def shared_columns(self) -> int:
        """What devices must divide to share columns: every rollout, and the minibatches' lanes."""
        lanes = axes.lanes(self.algorithm.batch, self.student.minibatches)
        return math.gcd(lanes, *self.algorithm.widths)

    @property
    def program(self) -> Program:
        """The method bound to its problem."""
        method = METHODS[self.method]
        return Program(
            partial(method.init, self.problem, self.algorithm),
            partial(method.step, self.problem, self.algorithm),
        )

    def compiled(self, form: SeedForm | None = None) -> Compiled:
        """The program for all seeds, in another form than usual if asked for."""
        run = self.run
        return compile_program(
            self.program,
            seed=run.seed,
            seeds=run.seeds,
            cycles=run.log_every,
            layout=self.layout,
            form=form,
        )

    def state_shape(self) -> PyTree:
        """Shapes and dtypes of the state of all seeds, for loading: on whatever machine."""
        here = dataclasses.replace(self, run=dataclasses.replace(self.run, devices=1))
        return jax.eval_shape(here.compiled().init)

    def to_dict(self) -> dict[str, Any]:
        """Plain nested values, for config.json."""
        return {
            "environment": self.environment,
            "env": environments.settings(self.env),
            "method": self.method,
            "algorithm": dataclasses.asdict(self.algorithm),
            "student": dataclasses.asdict(self.student),
            "run": dataclasses.asdict(self.run),
        }

    @classmethod
    def from_dict(cls, config: dict[str, Any]) -> "Experiment":
        """Back from `to_dict`. Raises RunError if a field is unknown to this release."""
        try:
            return cls(
                config["environment"],
                environments.find(config["environment"])(**config["env"]),
                config["method"],
                METHODS[config["method"]].Config(**config["algorithm"]),
                PPOConfig(**config["student"]),
                RunConfig(**config["run"]),
            )
        except (KeyError, TypeError) as error:
            raise RunError(
                f"The run's config.json does not fit this release of cairn: {error}. "
                f"Use the release named in its versions.json."
            ) from error


def rounded_steps(experiment: Experiment) -> int:
    """The budget in whole chunks, for methods whose every cycle costs the same."""
    cycle = experiment.algorithm.batch * experiment.algorithm.steps_per_cycle
    chunk = cycle * experiment.run.log_every
    return math.ceil(experiment.run.steps / chunk) * chunk
