"""A run at its checkpoints: what a look at its whole life goes through."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from cairn.core import checkpoint
from cairn.core.counts import cost
from cairn.core.errors import CheckpointError
from cairn.core.rundir import config_hash
from cairn.runs.open import Run


class Moment(NamedTuple):
    """A run at one of its checkpoints."""

    state: Any
    """All seeds: a leading axis on every array."""
    cycle: Int[np.ndarray, " seeds"]
    steps: list[int]
    """What each seed had spent."""


def count(run: Run, most: int) -> int:
    """How many moments there are at most."""
    return min(most, len(checkpoint.every(run.directory.checkpoints)))


def moments(run: Run, most: int) -> Iterator[Moment]:
    """At most so many, evenly spread over the checkpoints there are; the last is `run.state`.

    Of a run that goes on meanwhile some may be gone by the time they are wanted: these are left
    out. Raises CheckpointError for one that cannot be read.
    """
    paths = checkpoint.every(run.directory.checkpoints)
    places = np.linspace(len(paths) - 1, 0, min(most, len(paths))).round().astype(int)
    like, hashed = run.experiment.state_shape(), config_hash(run.directory.config)
    now = _moment(run.state)
    for place in sorted(set(places.tolist()))[:-1]:
        try:
            then = _moment(checkpoint.load(paths[place], like, config_hash=hashed)[0])
        except CheckpointError:
            if paths[place].exists():
                raise
            continue
        if then.cycle.sum() < now.cycle.sum():
            yield then
    yield now


def _moment(state: Any) -> Moment:
    return Moment(state, np.asarray(state.cycle), cost(state.ledger.totals()))
