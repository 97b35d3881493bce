"""A contest of two responses from a judge's votes, each asked in both orders."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from cairn.archive.contest import tally
from cairn.lm.readings import MISSING

_tally = eqx.filter_jit(tally)
Votes = tuple[tuple[int, int], ...]
"""Pairs of verdicts on one contest: candidate shown first, the other shown first."""


def wins(votes: Votes) -> bool:
    """A strict majority for the candidate over pairs of verdicts in both orders."""
    pairs = complete(votes)
    first, second = np.array(pairs, np.int32).T
    return bool(_tally(jnp.asarray(first), jnp.asarray(second)).accepted)


def readable(votes: Votes) -> bool:
    """Whether at least one pair of verdicts is whole."""
    return any(MISSING not in pair for pair in votes)


def complete(votes: Votes) -> Votes:
    """A pair with a missing verdict is void, so that each order keeps the same weight."""
    return tuple(pair if MISSING not in pair else (MISSING, MISSING) for pair in votes)
