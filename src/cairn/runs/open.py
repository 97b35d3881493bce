"""A finished or unfinished run as an object. Reading never changes it."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from cairn.core.errors import ConfigError
from cairn.core.rundir import RunDir
from cairn.engine import loop
from cairn.engine.program import Program
from cairn.envs.check import MISTAKES
from cairn.envs.protocol import Environment
from cairn.learners.protocol import Actor
from cairn.nn.protocol import example
from cairn.runs.experiment import Experiment


class Run(NamedTuple):
    """A run on disk at its newest checkpoint."""

    directory: RunDir
    experiment: Experiment
    state: Any
    """All seeds: a leading axis on every array."""

    @property
    def seeds(self) -> list[int]:
        """The trained seeds."""
        run = self.experiment.run
        return list(range(run.seed, run.seed + run.seeds))

    @property
    def program(self) -> Program:
        """The method on one device: for reading, whatever machine the run was made on."""
        return self.experiment.how.program(self.experiment.setup(None))

    def actor(self, role: str | None = None) -> Actor:
        """Who plays `role`, all seeds; by default the one whose tests the run reports.

        Raises ConfigError if the run has no such role.
        """
        program = self.program
        actors = program.actors(self.state)
        usual = program.measured.role if program.measured else next(iter(actors), None)
        wanted = role or usual
        if wanted is None or wanted not in actors:
            if not actors:
                raise ConfigError(
                    f"{self.directory.path} has nobody who acts, so there is nobody to test: "
                    f"{self.experiment.method} makes none. cairn show draws what it found."
                )
            raise ConfigError(
                f"{self.directory.path} has no role {role!r}. Expected one of {', '.join(actors)}."
            )
        return actors[wanted]

    def of_seed(self, seed: int | None = None) -> int:
        """The place of a trained seed in the run; the first by default. Raises ConfigError."""
        if seed is not None and seed not in self.seeds:
            raise ConfigError(f"The run has the seeds {self.seeds}, got seed={seed}.")
        return 0 if seed is None else self.seeds.index(seed)


def open_run(path: Path | str) -> Run:
    """Read the run at `path`. Raises RunError or CheckpointError saying why it cannot be."""
    directory = RunDir.open(path)
    experiment = Experiment.from_dict(directory.config, directory.kept)
    return Run(directory, experiment, loop.newest(directory, experiment.state_shape()))


def one_seed(tree: Any, index: int) -> Any:
    """The arrays of one seed."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def check_plays(actor: Actor, env: Environment, who: str, advice: str) -> None:
    """Raise ConfigError if the actor, of one seed, cannot take what `env` shows.

    A teacher sees its editor and no maze; a student of small views cannot take large ones.
    """
    noise = jnp.zeros((1, *actor.policy.noise))

    def act(state: Any, seen: Any) -> Any:
        memory = actor.policy.initial_memory(state, 1)
        return actor.policy.act(state, seen, memory, jnp.ones(1, bool), noise).action

    try:
        jax.eval_shape(act, actor.state, example(env.observation_spec, 1))
    except MISTAKES as error:
        raise ConfigError(
            f"{who} does not play {type(env).__name__}: it takes other observations. {advice}"
        ) from error
