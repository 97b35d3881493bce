"""Bradley-Terry ratings from counts: one number a player, with intervals.

P(i beats j) = 1 / (1 + 10^((R_j - R_i) / 400)), by maximum likelihood; draws are half points.

Bradley & Terry 1952; on Elo's scale. The likelihood is concave in R, so Newton's method finds its
one maximum, where the classical fixed point (Hunter 2004, MM) takes hundreds of rounds. As in
OpenSpiel's `elo.cc`, a hundredth of a win for either side of each pair that met keeps the ratings
of who never lost finite. Different: the mean is 0, not the least, so that a weak newcomer moves
nobody; and there are intervals.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core.errors import ConfigError
from cairn.games.ratings.matches import Matches

SCALE = 400 / np.log(10)
"""Points of a rating to a unit of log odds."""
_Z = 1.959964
_ROUNDS, _CLOSE = 100, 1e-10


class Ratings(NamedTuple):
    """Ratings of n players on Elo's scale, their mean 0."""

    players: tuple[str, ...]
    ratings: Float[np.ndarray, " n"]
    low: Float[np.ndarray, " n"]
    """Of the 95 % interval, from the inverse of the information; it grows as matches get few, and
    says nothing of cycles."""
    high: Float[np.ndarray, " n"]

    @property
    def order(self) -> tuple[str, ...]:
        """Players from the best down."""
        return tuple(self.players[at] for at in np.argsort(-self.ratings, kind="stable"))


def bradley_terry(matches: Matches, *, prior: float = 0.01) -> Ratings:
    """Ratings by maximum likelihood.

    `prior` is a share of a win that both sides of a pair that met are given. Raises ConfigError
    where some players are joined to the others by no chain of matches, since nothing then says
    how they compare.
    """
    check_joined(matches)
    met = (matches.counts > 0).astype(float)
    points, counts = matches.points + prior * met, matches.counts + 2 * prior * met
    size = len(matches.players)
    logits = np.zeros(size)
    for _ in range(_ROUNDS):
        expected = win_probability(logits)
        slope = (points - counts * expected).sum(1)
        # The information is singular along the all-ones direction: a rating's mean is free.
        move = np.linalg.solve(_information(counts, expected) + 1 / size, slope)
        # A step of more than two units of log odds may overshoot where the curve is flat.
        logits += move * min(1.0, 2.0 / max(float(np.abs(move).max()), 1e-12))
        if np.abs(move).max() < _CLOSE:
            break
    logits -= logits.mean()
    information = _information(counts, win_probability(logits))
    spread = np.linalg.pinv(information, hermitian=True)
    error = np.sqrt(np.clip(np.diag(spread), 0, None)) * _Z * SCALE
    ratings = logits * SCALE
    return Ratings(matches.players, ratings, ratings - error, ratings + error)


def win_probability(logits: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    """[i, j]: probability that i beats j, from ratings in units of log odds."""
    return 1 / (1 + np.exp(np.clip(logits[None, :] - logits[:, None], -500, 500)))


def check_joined(matches: Matches) -> None:
    """Raises ConfigError unless every two players are joined by a chain of matches."""
    size = len(matches.players)
    if size < 2:
        raise ConfigError(f"ratings need at least two players, got {size}.")
    reached, new = np.zeros(size, bool), np.arange(size) == 0
    while new.any():
        reached |= new
        new = (matches.counts[reached] > 0).any(0) & ~reached
    if not reached.all():
        apart = matches.players[int(np.argmin(reached))]
        raise ConfigError(
            f"{apart} and {matches.players[0]} are joined by no chain of matches: nothing says how "
            "they compare. Let players of both groups meet."
        )


def _information(
    counts: Float[np.ndarray, "n n"], expected: Float[np.ndarray, "n n"]
) -> Float[np.ndarray, "n n"]:
    weight = counts * expected * (1 - expected)
    return np.diag(weight.sum(1)) - weight
