"""Elo in two forms: a stream's running ratings, and the least-squares fit of published debates.

Elo's running rating depends on the order of matches; where all matches are at hand, Bradley-Terry
(`bradley_terry.py`) is what it approaches. The fit is that of Khan et al. 2024 (arXiv:2402.06782):
squared error of mean win rates, whatever the number of matches behind each. It is here to compare
with their figures; their fit by Nelder-Mead from 1500 stops early with many players, ours does not.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float
from scipy.optimize import least_squares

from cairn.games.ratings.bradley_terry import SCALE, check_joined, win_probability
from cairn.games.ratings.matches import Match, Matches


def running(
    matches: Iterable[Match], *, step: float = 24.0, start: float = 0.0
) -> Mapping[str, float]:
    """Ratings after a stream of matches; `step` is Elo's K. A line of several counts as one match
    with their mean result."""
    ratings: dict[str, float] = {}
    for first, second, points, of in matches:
        mine, theirs = ratings.get(first, start), ratings.get(second, start)
        surprise = points / of - 1 / (1 + 10 ** ((theirs - mine) / 400))
        ratings[first], ratings[second] = mine + step * surprise, theirs - step * surprise
    return ratings


def fit(matches: Matches) -> Float[np.ndarray, " n"]:
    """Ratings, mean 0, of least squared error over the pairs that met.

    Who won or lost all has no finite fit: beyond ten units of log odds nothing is gained.
    """
    check_joined(matches)
    size = len(matches.players)
    first, second = np.nonzero(np.triu(matches.counts > 0, 1))
    shares = matches.shares()[first, second]

    def errors(logits: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
        anchor = 1e-6 * logits  # the mean is free: hold it
        return np.concatenate([win_probability(logits)[first, second] - shares, anchor])

    found = least_squares(errors, np.zeros(size), bounds=(-10, 10)).x
    return (found - found.mean()) * SCALE
