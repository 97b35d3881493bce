"""A SIMULATED judge: it knows the truth exactly and is wrong by noise of known size.

    value(s) = clip(0.8 · solvable(s) + 0.1 + σ z, 0, 1),    z ~ N(0, 1)
    explore(s) = [value(s) < best value elsewhere − margin], flipped with probability ε

What it shows is how the searches take errors, and nothing about language models.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.research.puzzles.protocol import Game, Move, Position, Spent, State

_NORMAL = NormalDist()
TOKEN = 4
"""Characters a token, about."""


@dataclass(frozen=True)
class Noise:
    """How wrong the judge is."""

    sigma: float = 0.3
    """Standard deviation of a value's error."""
    flip: float = 0.05
    """ε: how often a decision to explore is turned round."""
    margin: float = 0.2
    """By how much elsewhere has to be better to be gone to."""
    instructions: int = 1_000
    """Tokens of every prompt beside state and actions; about the length of the reference's."""

    def __post_init__(self):
        good = self.sigma >= 0 and 0 <= self.flip <= 1 and self.margin >= 0
        if not (good and self.instructions >= 0):
            raise ConfigError(
                "a noisy judge expects sigma, margin and instructions of at least 0, and flip in "
                f"[0, 1]; got {self.sigma:g}, {self.margin:g}, {self.instructions}, {self.flip:g}."
            )


@dataclass
class NoisyJudge:
    """Draws an error for each role and state, so that the same question has the same answer.

    The draws are standard normal and multiplied by sigma: a judge of more noise errs in the same
    places, by more.
    """

    game: Game
    noise: Noise
    key: DrawKey
    spent: Spent = field(default_factory=Spent)

    async def value(self, at: Position) -> float:
        """Of the state."""
        self._charge("value", at, answer=10)
        return self._judged("value", at.state)

    async def child_values(self, at: Position, asked: Sequence[Move]) -> Sequence[float]:
        """Of the states behind the moves."""
        self._charge("child_values", at, answer=6 * len(asked))
        return [self._judged("child", move.state) for move in asked]

    async def prior(self, at: Position) -> Sequence[float]:
        """In proportion to what it thinks of the children."""
        self._charge("prior", at, answer=6 * len(at.moves))
        return [self._judged("prior", move.state) for move in at.moves]

    async def explore(self, at: Position, best: float) -> bool:
        """Whether elsewhere looks better by more than the margin, turned round now and then."""
        self._charge("explore", at, answer=10)
        wants = self._judged("explore", at.state) < best - self.noise.margin
        return wants != (self._uniform("flip", at.state) < self.noise.flip)

    def _judged(self, role: str, state: State) -> float:
        value = 0.8 * self.game.solvable(state) + 0.1
        if self.noise.sigma:
            value += self.noise.sigma * _NORMAL.inv_cdf(self._uniform(role, state))
        return min(max(value, 0.0), 1.0)

    def _uniform(self, role: str, state: State) -> float:
        """In (0, 1), by role and state."""
        text = f"{role}:{state}".encode()
        bits = hashlib.blake2b(text, key=self.key.digest, digest_size=8).digest()
        return (int.from_bytes(bits, "big") + 0.5) / 2**64

    def _charge(self, role: str, at: Position, *, answer: int) -> None:
        """Tokens in proportion to the length of the prompt: the way here, and the actions."""
        written = sum(len(str(state)) + len(text) for state, text in at.path)
        written += len(str(at.state)) + sum(len(move.text) + 4 for move in at.moves)
        self.spent.add(role, self.noise.instructions + written // TOKEN + answer)
