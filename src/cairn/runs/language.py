"""The language model that a run has trained."""

from pathlib import Path

import jax
import jax.numpy as jnp

from cairn.core.errors import ConfigError
from cairn.nn.language.spoken import Spoken
from cairn.runs.open import one_seed, open_run


def language(path: Path, seed: int | None = None) -> Spoken:
    """The model of a run at its newest checkpoint, of its first seed by default.

    Raises RunError or CheckpointError if the run cannot be read, ConfigError if it trains no
    language model or has no such seed.
    """
    run = open_run(path)
    found = run.program.language
    if found is None:
        raise ConfigError(
            f"{path} trained no language model: it is a run of {run.experiment.method} on "
            f"{run.experiment.task}."
        )
    spoken = found(one_seed(run.state, run.of_seed(seed)))
    return spoken._replace(model=jax.tree.map(jnp.asarray, spoken.model))
