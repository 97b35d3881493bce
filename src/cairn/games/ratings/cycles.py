"""How much of a match table no single number a player can say: its cyclic part.

A = grad + curl: of log odds A_ij (antisymmetric) the part that is a difference of two ratings, by
least squares over the pairs that met, and the rest. Jiang et al. 2011, Math. Program. 127; for
games Balduzzi et al. 2019, arXiv:1901.08106.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.games.ratings.bradley_terry import check_joined
from cairn.games.ratings.matches import Matches


class Split(NamedTuple):
    """The two parts, in log odds."""

    ratings: Float[np.ndarray, " n"]
    """Mean 0."""
    cyclic: Float[np.ndarray, "n n"]
    """[i, j]: by how much i fares better against j than the ratings say; 0 where they never met."""
    share: float
    """Of the squared log odds, what is cyclic: 0 for a chain, 1 for rock, paper and scissors."""


def split(matches: Matches, *, clip: float = 0.01) -> Split:
    """Of shares within [clip, 1 - clip]. Raises ConfigError where no chain of matches joins two."""
    check_joined(matches)
    met = matches.counts > 0
    shares = np.clip(matches.shares(unknown=0.5), clip, 1 - clip)
    odds = np.where(met, np.log(shares / (1 - shares)), 0.0)
    size = len(odds)
    laplacian = np.diag(met.sum(1)) - met.astype(float)
    ratings = np.linalg.solve(laplacian + 1 / size, odds.sum(1))
    cyclic = np.where(met, odds - (ratings[:, None] - ratings[None, :]), 0.0)
    total = float((odds**2).sum())
    return Split(ratings, cyclic, float((cyclic**2).sum() / total) if total > 0 else 0.0)
