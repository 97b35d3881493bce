"""A run of this wing, opened to be handed on: its task, settings and newest state."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from cairn.core.errors import ConfigError
from cairn.improve.config import Config
from cairn.improve.hand_off.problems import Named
from cairn.improve.method import bind
from cairn.improve.parts import Problem, State
from cairn.runs.open import one_seed, open_run


class Opened(NamedTuple):
    """What a run knows."""

    named: Named
    problem: Problem
    config: Config
    state: State
    """Of one seed."""


def opened(path: Path, seed: int | None = None) -> Opened:
    """The run at `path`, its first seed by default.

    Raises RunError or CheckpointError if it cannot be read, ConfigError if it is no run of
    self-improvement or has no such seed.
    """
    run = open_run(path)
    state = one_seed(run.state, run.of_seed(seed))
    if not isinstance(state, State):
        raise ConfigError(
            f"{path} is no run of self-improvement, so it has no problems with answers: it is a "
            f"run of {run.experiment.method} on {run.experiment.task}. Its model is exported by "
            f"cairn lm export."
        )
    problem, config = bind(run.experiment.setup(None))
    named = Named.of(run.experiment.task, problem.task)
    return Opened(named, problem, config, jax.tree.map(jnp.asarray, state))
