"""Matrix games: payoffs as data, two actions each, any number of players.

`payoffs[i, a_1, .., a_n]` is what player i gets when player j does a_j; 0 is to cooperate, 1 to
defect. Values of named games from the sources beside them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core.errors import ConfigError, suggest

C, D = 0, 1


class MatrixGame(NamedTuple):
    """A game that is played once, or again and again."""

    name: str
    payoffs: Float[np.ndarray, "players ..."]
    """(n, 2, .., 2)."""

    @property
    def players(self) -> int:
        """How many."""
        return len(self.payoffs)

    @property
    def table(self) -> Float[np.ndarray, "players outcomes"]:
        """(n, 2^n): outcomes in the order CC, CD, DC, DD, the first player's action first."""
        return self.payoffs.reshape(self.players, -1)

    @property
    def welfare(self) -> tuple[float, float]:
        """The mean payoff of a player when all cooperate, and when all defect."""
        return float(self.table[:, 0].mean()), float(self.table[:, -1].mean())

    def check(self) -> None:
        """Raises ConfigError unless it is a game of n players with two actions each."""
        shape, n = self.payoffs.shape, self.payoffs.shape[0] if self.payoffs.ndim else 0
        if n < 2 or shape != (n, *(2,) * n):
            raise ConfigError(
                f"payoffs of {self.name} are no game: expected one array of 2 by 2 by .. for each "
                f"of n players, shape (n, 2, .., 2), got {shape}."
            )
        if not np.isfinite(self.payoffs).all():
            raise ConfigError(f"payoffs of {self.name} must be finite numbers.")


def two(name: str, *pairs: tuple[float, float]) -> MatrixGame:
    """Of what both players get at CC, CD, DC and DD."""
    return MatrixGame(name, np.array(pairs, float).T.reshape(2, 2, 2))


def symmetric(name: str, cc: float, cd: float, dc: float, dd: float) -> MatrixGame:
    """Of what a player gets at CC, CD, DC and DD, its own action first."""
    return two(name, (cc, cc), (cd, dc), (dc, cd), (dd, dd))


def alike(
    name: str, cooperate: Float[np.ndarray, " n"], defect: Float[np.ndarray, " n"]
) -> MatrixGame:
    """Of n players: what one gets that cooperates, or defects, beside k others who cooperate, for k
    from 0 to n - 1."""
    n = len(cooperate)
    gets = np.stack([np.asarray(cooperate, float), np.asarray(defect, float)])
    actions = np.indices((2,) * n)  # (n, 2, .., 2)
    others = (actions == C).sum(0)[None] - (actions == C)
    return MatrixGame(name, gets[actions, others])


_PAIRS = (
    symmetric("ipd", -1, -3, 0, -2),  # LOLA, SOS, M-FOS, Shaper, OpenSpiel
    symmetric("ipd-axelrod", 3, 0, 5, 1),  # Axelrod's tournaments
    symmetric("ipd-coala", 1, -1, 2, 0),  # Meulemans et al. 2024, arXiv:2410.18636
    two("pennies", (1, -1), (-1, 1), (-1, 1), (1, -1)),  # the first player wants to match
    symmetric("chicken", 0, -1, 1, -100),  # M-FOS
    symmetric("stag-hunt", 3, 0, 2, 1),
    two("bach-or-stravinsky", (3, 2), (0, 0), (0, 0), (2, 3)),
)
GAMES: Mapping[str, MatrixGame] = MappingProxyType({game.name: game for game in _PAIRS})


def dilemma(n: int) -> MatrixGame:
    """A prisoner's dilemma of n: 2 for each other who cooperates, and 1 for defecting (the table of
    three players that the code of Shaper comes with)."""
    k = np.arange(n)
    return alike(f"dilemma-{n}", 2.0 * k, 2.0 * k + 1)


def public_goods(n: int) -> MatrixGame:
    """Who cooperates pays 1, which is multiplied by (n + 1) / 2 and shared by all."""
    k, gain = np.arange(n), (n + 1) / 2 / n
    return alike(f"public-goods-{n}", gain * (k + 1) - 1, gain * k)


def snowdrift(n: int) -> MatrixGame:
    """2 for everyone if somebody clears the road; who does share a cost of 1."""
    k = np.arange(n)
    return alike(f"snowdrift-{n}", 2 - 1 / (k + 1), np.where(k > 0, 2.0, 0.0))


def majority(n: int) -> MatrixGame:
    """A stag hunt: 3 for a cooperator where more than half cooperate, else 0; 1 for a defector."""
    k = np.arange(n)
    return alike(f"majority-{n}", np.where(2 * (k + 1) > n, 3.0, 0.0), np.ones(n))


OF_MANY = MappingProxyType(
    {"dilemma": dilemma, "public-goods": public_goods, "snowdrift": snowdrift, "majority": majority}
)
"""Games of any number of players: `dilemma-3` is the one of three."""


def named(name: str) -> MatrixGame:
    """The game called so. Raises ConfigError that says which there are."""
    kind, _, n = name.rpartition("-")
    if name in GAMES:
        return GAMES[name]
    if kind in OF_MANY and n.isdigit() and 2 <= int(n) <= 8:
        return OF_MANY[kind](int(n))
    known = [*GAMES, *(f"{kind}-N" for kind in OF_MANY)]
    raise ConfigError(
        f"Unknown game {name!r}. Expected one of {', '.join(known)} (N players, 2 to 8)."
        f"{suggest(name, known)}"
    )
