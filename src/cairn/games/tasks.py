"""Matrix games as tasks: the game and how far its players look ahead; each field is a flag.

A game of one's own is a class with `game`, by its address:

    class Mine(Repeated):
        @property
        def game(self):
            return symmetric("mine", 2, -1, 3, 0)
"""

import abc

import equinox as eqx

from cairn.core import checks
from cairn.games import matrix
from cairn.games.exact import GAMMA
from cairn.games.matrix import MatrixGame


class Repeated(eqx.Module):
    """A matrix game, played again and again."""

    gamma: float = eqx.field(static=True, default=GAMMA)
    """Discount of a round."""

    def __check_init__(self):
        checks.between(self, 0.0, 0.9999, "gamma")
        self.game.check()

    @property
    @abc.abstractmethod
    def game(self) -> MatrixGame:
        """Who gets what."""


class Ipd(Repeated):
    """The repeated prisoner's dilemma: -1 each, -2 each, 0 and -3."""

    @property
    def game(self) -> MatrixGame:
        """As in LOLA, M-FOS and Shaper."""
        return matrix.GAMES["ipd"]


class Pennies(Repeated):
    """Repeated matching pennies: the first player wants to match, the second not to."""

    @property
    def game(self) -> MatrixGame:
        """A zero-sum game."""
        return matrix.GAMES["pennies"]


class Chicken(Repeated):
    """The repeated game of chicken: who swerves gets -1, a crash costs both 100."""

    @property
    def game(self) -> MatrixGame:
        """As in M-FOS."""
        return matrix.GAMES["chicken"]


class StagHunt(Repeated):
    """The repeated stag hunt: 3 together, 2 or 1 for a hare, 0 for who hunts alone."""

    @property
    def game(self) -> MatrixGame:
        """Two equilibria."""
        return matrix.GAMES["stag-hunt"]


class OfMany(Repeated):
    """A repeated game of some players."""

    players: int = eqx.field(static=True, default=3)
    """How many; 2 to 8."""

    def __check_init__(self):
        checks.between(self, 2, 8, "players")

    @property
    def game(self) -> MatrixGame:
        """Of `players`."""
        return matrix.OF_MANY[self.kind](self.players)

    kind = "dilemma"


class Dilemma(OfMany):
    """A prisoner's dilemma of some players: 2 for each other who cooperates, 1 for defecting."""


class PublicGoods(OfMany):
    """A public good: who cooperates pays 1, which is multiplied and shared by all."""

    kind = "public-goods"


class Snowdrift(OfMany):
    """A road to clear: 2 for everyone if anybody does, who share the cost."""

    kind = "snowdrift"


class Majority(OfMany):
    """A stag hunt of some players: it takes more than half of them."""

    kind = "majority"
