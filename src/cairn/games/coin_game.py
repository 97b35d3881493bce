"""The coin game: two players on a small torus, a coin of each one's colour, and a harm in taking.

Any coin is worth 1 to who takes it; a player whose coin the other takes loses 2. Both move, then
take: on the same coin both take it. A coin that was taken appears again on any cell, also under a
player, who takes it only by a move that ends there ("stay" is one). Lerer & Peysakhovich 2017,
arXiv:1707.01068, in the form of M-FOS and Shaper: both colours are there at once.

The state shows what was done last, so that memory helps little here: no evidence for it alone.
Differs from the code of Shaper, which takes the reward of an episode's last step away.
"""

from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core import checks
from cairn.envs.protocol import Environment, Image, Space, Step

MOVES = np.array([[0, 1], [0, -1], [1, 0], [-1, 0], [0, 0]], np.int32)
"""Right, left, down, up, stay."""


class Board(NamedTuple):
    """Where everything is, as cells numbered by rows."""

    players: Int[Array, " 2"]
    coins: Int[Array, " 2"]
    """Of the first player's colour, and of the second's."""
    step: Int[Array, ""]
    took: Bool[Array, "2 2"]
    """[i, j]: whether player i took coin j in the last step."""


class Anywhere(Space):
    """There is one level: all begins at random."""

    @property
    def edits(self) -> bool:
        """Nothing to change."""
        return False

    def sample(self, key: Key[Array, ""]) -> Int[Array, ""]:
        """It."""
        del key
        return jnp.zeros((), jnp.int32)

    def mutate(self, key: Key[Array, ""], level: Int[Array, ""]) -> Int[Array, ""]:
        """The same."""
        del key
        return level


class CoinGame(Environment):
    """Take coins, but whose?"""

    actions: ClassVar[int] = 5
    players: ClassVar[tuple[str, ...]] = ("player-1", "player-2")
    measure: ClassVar[str] = "return"

    side: int = eqx.field(static=True, default=3)
    """Of the torus."""
    steps: int = eqx.field(static=True, default=16)
    """Of an episode."""
    sight: Literal["absolute", "egocentric"] = eqx.field(static=True, default="absolute")
    """Whether a player sees the board as it is, or itself in the middle."""
    pay: float = eqx.field(static=True, default=1.0)
    """For taking any coin."""
    harm: float = eqx.field(static=True, default=2.0)
    """To whom a coin of that colour belongs, when the other takes it."""

    def __check_init__(self) -> None:
        checks.at_least(self, 2, "side")
        checks.at_least(self, 1, "steps")

    @property
    def max_steps(self) -> int:
        """The only end."""
        return self.steps

    @property
    def observation_spec(self) -> tuple[Image, Image]:
        """Planes: oneself, the other, the own coin, the other's. Each sees itself as the first."""
        one = Image((self.side, self.side, 4), cells=True)
        return one, one

    @property
    def space(self) -> Anywhere:
        """One level."""
        return Anywhere()

    def reset(self, key: Key[Array, ""], level: Int[Array, ""]) -> tuple[Board, Any]:
        """Everything anywhere."""
        del level
        cells = jax.random.randint(key, (4,), 0, self.side**2, jnp.int32)
        board = Board(cells[:2], cells[2:], jnp.zeros((), jnp.int32), jnp.zeros((2, 2), bool))
        return board, self.observe(board)

    def step(self, key: Key[Array, ""], state: Board, action: tuple[Array, Array]) -> Step:
        """Both move, then take."""
        moves = jnp.asarray(MOVES)[jnp.stack(action)]
        place = jnp.stack([state.players // self.side, state.players % self.side], axis=1)
        row, column = jnp.moveaxis((place + moves) % self.side, 1, 0)
        players = row * self.side + column
        took = players[:, None] == state.coins[None, :]
        again = jax.random.randint(key, (2,), 0, self.side**2, jnp.int32)
        coins = jnp.where(took.any(axis=0), again, state.coins)
        board = Board(players, coins, state.step + 1, took)
        return Step(
            board,
            self.observe(board),
            self.rewards(took),
            terminated=jnp.zeros((), bool),
            truncated=board.step >= self.steps,
        )

    def rewards(self, took: Bool[Array, "2 2"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Of both, for who took what."""
        coins = took.astype(jnp.float32)
        first = self.pay * coins[0].sum() - self.harm * coins[1, 0]
        second = self.pay * coins[1].sum() - self.harm * coins[0, 1]
        return first, second

    def observe(self, board: Board) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """See `observation_spec`."""
        seen = []
        for me in range(2):
            cells = jnp.concatenate([jnp.roll(board.players, me), jnp.roll(board.coins, me)])
            planes = jax.nn.one_hot(cells, self.side**2).T.reshape(self.side, self.side, 4)
            if self.sight == "egocentric":
                row, column = board.players[me] // self.side, board.players[me] % self.side
                middle = self.side // 2
                planes = jnp.roll(jnp.roll(planes, middle - row, axis=0), middle - column, axis=1)
            seen.append(planes)
        return seen[0], seen[1]


def own_share(took: Bool[Array, "... 2 2"]) -> Float[Array, " 2"]:
    """Of the coins that each player took in many steps, the share of its own colour: a half for who
    takes whatever is near, 1 for who spares the other."""
    counts = took.reshape(-1, 2, 2).sum(0, dtype=jnp.float32)
    return jnp.diagonal(counts) / jnp.maximum(counts.sum(axis=1), 1.0)
