"""Sudoku on 4×4 (boxes 2×2) and 6×6 (boxes of 2 rows and 3 columns), with one solution each.

An action writes a value into an empty cell that the rules allow. It is over when no cell is empty,
or when an empty cell allows no value. Source: NathanHerr/LLM-First-Search, `src/sudoku_game`
(nothing is copied). Differs: there a board on which one cell allows nothing and another does is
gone on with, though nothing can come of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

from cairn.core.errors import ConfigError
from cairn.research.puzzles.protocol import Move

EMPTY = "."


class Shape(NamedTuple):
    """Of a board."""

    size: int
    height: int
    """Rows of a box."""
    width: int
    removed: float
    """Share of cells that are emptied where one solution is left: the reference's hard and
    medium."""


SHAPES = {4: Shape(4, 2, 2, 0.7), 6: Shape(6, 2, 3, 0.5)}
RULES = """\
You play Sudoku on a board of {size} by {size} cells with boxes of {height} rows and {width} \
columns. A move writes one of 1 to {size} into an empty cell, if that value does not stand in its \
row, column or box. You win when every cell is filled, and lose when an empty cell allows no \
value."""


@dataclass(frozen=True)
class Sudoku:
    """One puzzle; a state is the board, a character a cell, row by row."""

    start: str
    _moves: dict[str, tuple[Move, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self):
        size = next((size for size in SHAPES if size * size == len(self.start)), None)
        if size is None:
            raise ConfigError(
                f"A Sudoku has {' or '.join(str(n * n) for n in SHAPES)} cells, "
                f"got {len(self.start)}."
            )
        values = "".join(map(str, range(1, size + 1)))
        wrong = set(self.start) - {EMPTY, *values}
        if wrong:
            raise ConfigError(f"A cell is {EMPTY} or one of {values}, got {min(wrong)!r}.")
        if _counted(self.start, SHAPES[size], 2) != 1:
            raise ConfigError("A Sudoku has exactly one solution; this board has another number.")

    @property
    def shape(self) -> Shape:
        """Of the board."""
        return SHAPES[round(len(self.start) ** 0.5)]

    @property
    def rules(self) -> str:
        """Of the game."""
        return RULES.format(**self.shape._asdict())

    @cached_property
    def solution(self) -> str:
        """The only one."""
        return next(_solutions(self.start, self.shape))

    def moves(self, state: str) -> tuple[Move, ...]:
        """Every value in every empty cell that the rules allow; none if a cell allows nothing."""
        if state not in self._moves:
            allowed = candidates(state, self.shape)
            dead = any(not values for values in allowed.values())
            found = [] if dead else [self._move(state, *at) for at in _each(allowed)]
            self._moves[state] = tuple(found)
        return self._moves[state]

    def _move(self, state: str, cell: int, value: str) -> Move:
        row, column = divmod(cell, self.shape.size)
        text = f"{value} in row {row + 1}, column {column + 1}"
        return Move(text, state[:cell] + value + state[cell + 1 :])

    def won(self, state: str) -> bool:
        """Whether the board is full; the moves keep it valid."""
        return EMPTY not in state

    def solvable(self, state: str) -> bool:
        """Whether all that was written stands in the only solution."""
        return all(a in (EMPTY, b) for a, b in zip(state, self.solution, strict=True))

    def show(self, state: str) -> str:
        """The board, a line a row."""
        size = self.shape.size
        return "\n".join(" ".join(state[i : i + size]) for i in range(0, len(state), size))

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"board": self.start}


def draw(size: int, rng: Random) -> Sudoku:
    """A puzzle with one solution: a full board, emptied cell by cell as far as that lasts.

    Cells are tried in random order until the share of `Shape.removed` is empty; what cannot be
    emptied stays, so that a board may have fewer. Raises ConfigError for a size that is not known.
    """
    if size not in SHAPES:
        raise ConfigError(f"A Sudoku is of size {' or '.join(map(str, SHAPES))}, got {size}.")
    shape = SHAPES[size]
    board = next(_solutions(EMPTY * size * size, shape, rng))
    left = int(shape.removed * size * size)
    for cell in rng.sample(range(size * size), size * size):
        emptied = board[:cell] + EMPTY + board[cell + 1 :]
        if left and _counted(emptied, shape, 2) == 1:
            board, left = emptied, left - 1
    return Sudoku(board)


def candidates(state: str, shape: Shape) -> dict[int, str]:
    """For each empty cell the values that the rules allow."""
    size = shape.size
    values = "".join(map(str, range(1, size + 1)))
    rows = [set(state[i * size : (i + 1) * size]) for i in range(size)]
    columns = [set(state[i::size]) for i in range(size)]
    boxes: dict[tuple[int, int], set[str]] = {}
    for cell, value in enumerate(state):
        boxes.setdefault(_box(cell, shape), set()).add(value)
    found = {}
    for cell, value in enumerate(state):
        if value == EMPTY:
            seen = rows[cell // size] | columns[cell % size] | boxes[_box(cell, shape)]
            found[cell] = "".join(v for v in values if v not in seen)
    return found


def _box(cell: int, shape: Shape) -> tuple[int, int]:
    row, column = divmod(cell, shape.size)
    return row // shape.height, column // shape.width


def _each(allowed: dict[int, str]) -> Iterator[tuple[int, str]]:
    return ((cell, value) for cell, values in allowed.items() for value in values)


def _solutions(state: str, shape: Shape, rng: Random | None = None) -> Iterator[str]:
    """All full boards that a board can become, the most constrained cell first."""
    allowed = candidates(state, shape)
    if not allowed:
        yield state
        return
    cell = min(allowed, key=lambda at: len(allowed[at]))
    values = list(allowed[cell])
    if rng is not None:
        rng.shuffle(values)
    for value in values:
        yield from _solutions(state[:cell] + value + state[cell + 1 :], shape, rng)


def _counted(state: str, shape: Shape, most: int) -> int:
    """How many solutions a board has, as far as `most`; given values may not clash."""
    size, givens = shape.size, [(i, v) for i, v in enumerate(state) if v != EMPTY]
    for i, value in givens:
        for j, other in givens:
            near = i // size == j // size or i % size == j % size
            if i < j and value == other and (near or _box(i, shape) == _box(j, shape)):
                return 0
    return sum(1 for _, _ in zip(range(most), _solutions(state, shape), strict=False))
