"""What a puzzle is to a search, what a judge is to it, and how a game is played and counted."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

State = Any
"""Hashable, and canonical: two ways to the same position give the same state, so that statistics
are shared. A tuple of numbers, a board."""


class Move(NamedTuple):
    """An action, in words, and the state it leads to."""

    text: str
    state: State


@runtime_checkable
class Game(Protocol):
    """One puzzle. All of it is exact."""

    @property
    def rules(self) -> str:
        """What a model is told of the game."""
        ...

    @property
    def start(self) -> State:
        """Where the game begins."""
        ...

    def moves(self, state: State) -> tuple[Move, ...]:
        """Every state that one action leads to, once; none where the game is over."""
        ...

    def won(self, state: State) -> bool:
        """Whether the game is over and won."""
        ...

    def solvable(self, state: State) -> bool:
        """Whether some sequence of moves from here wins: the truth that no searcher sees."""
        ...

    def show(self, state: State) -> str:
        """The state as a model reads it."""
        ...

    def plain(self) -> dict[str, Any]:
        """The puzzle as JSON."""
        ...


class Position(NamedTuple):
    """Where a search stands: the state, and the states and actions that led to it."""

    state: State
    path: tuple[tuple[State, str], ...]
    """The state before each action, and the action, from the start."""
    moves: tuple[Move, ...]


@dataclass
class Spent:
    """What judging came to."""

    calls: Counter[str] = field(default_factory=Counter)
    """By role: prior, value, child_values, explore."""
    tokens: int = 0

    def add(self, role: str, tokens: int) -> None:
        """One call."""
        self.calls[role] += 1
        self.tokens += tokens


@runtime_checkable
class Judge(Protocol):
    """Answers a search's questions; a simulation, a model at a server and a local one are alike.

    Every value lies in [0, 1]. A judge that has no answer raises an UnreadableAnswerError: a
    missing value is never 0.
    """

    spent: Spent

    async def value(self, at: Position) -> float:
        """How likely this state is to be won from."""
        ...

    async def child_values(self, at: Position, asked: Sequence[Move]) -> Sequence[float]:
        """The same of the state behind each of these moves, in one call."""
        ...

    async def prior(self, at: Position) -> Sequence[float]:
        """A distribution over the moves."""
        ...

    async def explore(self, at: Position, best: float) -> bool:
        """Whether to leave this path for the best state elsewhere, which was valued `best`."""
        ...


class BudgetSpentError(Exception):
    """No further call is paid for; ends a game and nothing else."""


class Metered:
    """A judge within a budget: the call that finds it spent is not made.

    As in the reference, a call is paid whole: the last one may go beyond.
    """

    def __init__(self, judge: Judge, budget: int):
        self.judge, self.budget = judge, budget
        self.spent = judge.spent

    def _check(self) -> None:
        if self.spent.tokens >= self.budget:
            raise BudgetSpentError

    async def value(self, at: Position) -> float:
        """As the judge's."""
        self._check()
        return await self.judge.value(at)

    async def child_values(self, at: Position, asked: Sequence[Move]) -> Sequence[float]:
        """As the judge's."""
        self._check()
        return await self.judge.child_values(at, asked)

    async def prior(self, at: Position) -> Sequence[float]:
        """As the judge's."""
        self._check()
        return await self.judge.prior(at)

    async def explore(self, at: Position, best: float) -> bool:
        """As the judge's."""
        self._check()
        return await self.judge.explore(at, best)


class Played(NamedTuple):
    """What became of one game."""

    won: bool
    stopped: str
    """won; budget; or why the method ends without: exhausted, lost, simulations."""
    expanded: int
    """States whose moves were looked at."""
    calls: dict[str, int]
    """By role."""
    tokens: int
    solution: tuple[str, ...]
    """The actions that win; empty otherwise."""


Method = Callable[..., Awaitable[str]]
"""`async (tree, judge) -> why it stopped`; `tree.winner` is set where it won."""
