"""Countdown: combine all of n numbers by + - * / to a target.

An action takes two numbers a, b and puts back a + b, a · b, |a − b|, or the larger divided by the
smaller where that leaves no rest and the smaller is not 0. It ends with one number.
Source: NathanHerr/LLM-First-Search, `src/countdown_game` and `src/generators` (Apache-2.0; nothing
is copied). Differs: a state is the sorted numbers, and actions that lead to the same state are one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import combinations
from random import Random
from typing import Any

from cairn.core.errors import ConfigError
from cairn.research.puzzles.protocol import Move

Numbers = tuple[int, ...]
"""Sorted."""
LOWEST, HIGHEST = 1, 99
TARGETS = 10, 100
RULES = """\
You play the Countdown numbers game. You have some numbers and a target. A move takes two of the \
numbers and puts back their sum, their product, the difference of the larger and the smaller, or \
the larger divided by the smaller where that leaves no rest. All numbers must be used. You win if \
the one number that is left at the end is the target, and lose otherwise."""


def results(a: int, b: int) -> Iterator[tuple[str, int]]:
    """Each action on a pair, in words, and what it gives."""
    large, small = max(a, b), min(a, b)
    yield f"{large} + {small} = {large + small}", large + small
    yield f"{large} * {small} = {large * small}", large * small
    yield f"{large} - {small} = {large - small}", large - small
    if small and large % small == 0:
        yield f"{large} / {small} = {large // small}", large // small


@dataclass(frozen=True)
class Countdown:
    """One puzzle."""

    numbers: Numbers
    target: int
    _moves: dict[Numbers, tuple[Move, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self):
        if len(self.numbers) < 1 or min(self.numbers, default=0) < 0:
            raise ConfigError(
                f"Countdown.numbers expects at least one number, none below 0, got {self.numbers}."
            )
        object.__setattr__(self, "numbers", tuple(sorted(self.numbers)))

    @property
    def rules(self) -> str:
        """Of the game."""
        return RULES

    @property
    def start(self) -> Numbers:
        """All numbers."""
        return self.numbers

    def moves(self, state: Numbers) -> tuple[Move, ...]:
        """Every state one action away, once."""
        if state not in self._moves:
            found: dict[Numbers, Move] = {}
            for i, j in combinations(range(len(state)), 2):
                rest = [*state[:i], *state[i + 1 : j], *state[j + 1 :]]
                for text, value in results(state[i], state[j]):
                    child = tuple(sorted([*rest, value]))
                    found.setdefault(child, Move(text, child))
            self._moves[state] = tuple(found.values())
        return self._moves[state]

    def won(self, state: Numbers) -> bool:
        """Whether the target alone is left."""
        return state == (self.target,)

    def solvable(self, state: Numbers) -> bool:
        """Whether the target can be reached."""
        return reaches(state, self.target)

    def show(self, state: Numbers) -> str:
        """Target and numbers."""
        return f"Target: {self.target}\nNumbers: {', '.join(map(str, state))}"

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"numbers": list(self.numbers), "target": self.target}


def draw(count: int, rng: Random) -> Countdown:
    """A solvable puzzle of `count` numbers in [1, 99] with a target in [10, 100].

    Raises ConfigError for a count that is not in 2 to 8: exact solving grows fast.
    """
    if not 2 <= count <= 8:
        raise ConfigError(f"Countdown has 2 to 8 numbers, got {count}.")
    while True:
        numbers = tuple(sorted(rng.randint(LOWEST, HIGHEST) for _ in range(count)))
        target = rng.randint(*TARGETS)
        if reaches(numbers, target):
            return Countdown(numbers, target)


@lru_cache(maxsize=1 << 18)
def reaches(numbers: Numbers, target: int) -> bool:
    """Whether all of these numbers make the target.

    The last action joins a value of one part of the numbers with a value of the rest. So the
    smaller part's values are listed, and the rest must reach one of the operands that are then
    wanted: exact, and some thousand times faster than to play all games.
    """
    if len(numbers) == 1:
        return numbers[0] == target
    if len(numbers) <= LISTED:
        return target in values(numbers)
    for part, rest in _splits(numbers):
        for value in values(part):
            if value == 0 and target == 0:
                return True  # whatever the rest comes to, 0 times that
            wanted = operands(target, value)
            if len(rest) <= LISTED:
                if not values(rest).isdisjoint(wanted):
                    return True
            elif any(reaches(rest, operand) for operand in wanted):
                return True
    return False


LISTED = 3
"""Numbers whose values are all listed: about 40 values for three, a thousand for four."""


@lru_cache(maxsize=1 << 14)
def values(numbers: Numbers) -> frozenset[int]:
    """Everything that all of these numbers make."""
    if len(numbers) == 1:
        return frozenset(numbers)
    found: set[int] = set()
    for part, rest in _splits(numbers):
        for a in values(part):
            for b in values(rest):
                found |= {a + b, a * b, abs(a - b)}
                large, small = (a, b) if a > b else (b, a)
                if small and large % small == 0:
                    found.add(large // small)
    return frozenset(found)


def operands(target: int, value: int) -> list[int]:
    """Every number r from 0 on for which an action on `value` and r gives the target.

    But for value 0 and target 0, for which every r does.
    """
    found = [target + value]  # r - value
    if target <= value:
        found.append(value - target)  # value - r
    else:
        found.append(target - value)  # value + r
    if value:
        if target % value == 0:
            found.append(target // value)  # value * r
        if target:
            found.append(target * value)  # r / value
            if value % target == 0:
                found.append(value // target)  # value / r
    return found


def _splits(numbers: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """The numbers in two parts, the smaller one first, halves before single numbers."""
    for part, rest in _places(len(numbers)):
        yield tuple(numbers[i] for i in part), tuple(numbers[i] for i in rest)


@cache
def _places(count: int) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    found = []
    for size in range(count // 2, 0, -1):
        for part in combinations(range(count), size):
            if 2 * size == count and part[0] != 0:
                continue  # the other half has been first
            found.append((part, tuple(i for i in range(count) if i not in part)))
    return tuple(found)
