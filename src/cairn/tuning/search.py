"""What every tuner speaks: it proposes trials in batches, is told their scores, and goes on.

A tuner is a generator: `yield` gives a batch of proposals and returns a score for each, higher is
better, None for a trial that failed. All its chance is the generator of numbers it is given, so the
same scores lead to the same proposals: that is how a search goes on after a kill.
"""

import math
from collections.abc import Generator, Sequence
from typing import NamedTuple

import numpy as np

from cairn.tuning.space import Space, Values


class Proposal(NamedTuple):
    """A trial that is to be made."""

    values: Values
    steps: int
    """Of one training, of the method's budget."""
    rung: int = 0
    """0 is the cheapest; for people."""
    bracket: int = 0


Score = float | None
Search = Generator[list[Proposal], Sequence[Score], None]


def worth(score: Score) -> float:
    """A failure is below every score."""
    return -math.inf if score is None else score


def random_search(space: Space, rng: np.random.Generator, *, steps: int, batch: int) -> Search:
    """Independent uniform draws, each trained in full: the floor that a tuner must beat.

    Bergstra & Bengio 2012, JMLR 13.
    """
    while True:
        yield [Proposal(space.at(rng.random(len(space))), steps) for _ in range(batch)]
