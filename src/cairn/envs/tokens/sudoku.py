"""Sudoku of 4 times 4 cells: each row, column and box holds 1 to 4.

There are 288 full grids, so that for every answer it is known exactly whether what it says so far
can still become right. The harder split has more blanks. With `unique` a puzzle has one solution,
and then the grids themselves of the test split are never seen while learning.
"""

import functools
import itertools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key, UInt32

from cairn.core import checks
from cairn.core.vocabulary import BOS, EOS, SEP
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Prompt, TokenTask, Verdict

CELLS = 16
MORE = 3
"""Blanks that puzzles of the harder split have more than any other, at most."""


class Puzzle(NamedTuple):
    """Cells row by row."""

    clues: Int[Array, "16"]
    """1 to 4; 0 for a blank."""
    solution: Int[Array, "16"]


class Sudoku(TokenTask):
    """Fill in a Sudoku of 4 times 4 cells; graded by rows, columns and boxes that are right."""

    blanks: int = eqx.field(static=True, default=6)
    """Of a puzzle, at most and at least 1; in the harder split up to 3 more, and more than this."""
    unique: bool = eqx.field(static=True, default=False)
    """Whether only puzzles with one solution are posed."""

    def __check_init__(self) -> None:
        """Refuse puzzles without clues, or with fewer than a unique one has."""
        checks.between(self, 1, (12 if self.unique else CELLS) - MORE, "blanks")

    @property
    def graded(self) -> bool:
        """A grid can be right in part."""
        return True

    @property
    def many(self) -> bool:
        """Where blanks are many, several grids fit."""
        return not self.unique

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """The blank, and what goes there."""
        return (".", "1", "2", "3", "4")

    @property
    def prompt_length(self) -> int:
        """BOS, the cells, SEP."""
        return CELLS + 2

    @property
    def answer_length(self) -> int:
        """The cells, EOS."""
        return CELLS + 1

    def draw(self, key: Key[Array, ""], shifted: bool) -> Puzzle:
        """Any grid, any number of blanks, any cells."""
        grid_key, number_key, cell_key = jax.random.split(key, 3)
        grids = jnp.asarray(_grids())
        solution = grids[jax.random.randint(grid_key, (), 0, grids.shape[0])]
        least, most = (self.blanks + 1, self.blanks + MORE) if shifted else (1, self.blanks)
        number = jax.random.randint(number_key, (), least, most + 1, jnp.int32)
        luck = jax.random.uniform(cell_key, (CELLS,))
        rank = (luck[:, None] > luck[None]).sum(1)
        return Puzzle(jnp.where(rank < number, 0, solution), solution)

    def acceptable(self, problem: Puzzle) -> Bool[Array, ""]:
        """With `unique`, exactly one grid fits."""
        number = self.fitting(problem).sum()
        return (number == 1) if self.unique else (number > 0)

    def identity(self, problem: Puzzle) -> UInt32[Array, ""]:
        """The clues; where they say all, the grid."""
        return layout.digest(problem.solution if self.unique else problem.clues)

    def prompt(self, problem: Puzzle) -> Prompt:
        """BOS, the cells, SEP."""
        begin, end = jnp.full(1, BOS, jnp.int32), jnp.full(1, SEP, jnp.int32)
        ids = jnp.concatenate([begin, problem.clues + self.code("."), end])
        return Prompt(ids, jnp.int32(self.prompt_length))

    def fitting(self, problem: Puzzle) -> Bool[Array, "288"]:
        """Which full grids have the clues."""
        blank = problem.clues == 0
        return (blank[None] | (jnp.asarray(_grids()) == problem.clues[None])).all(1)

    def demonstration(self, problem: Puzzle, key: Key[Array, ""]) -> Int[Array, " T"]:
        """Any grid that fits."""
        luck = jax.random.uniform(key, (len(_grids()),))
        grid = jnp.asarray(_grids())[jnp.argmax(jnp.where(self.fitting(problem), luck + 1, 0))]
        return jnp.concatenate([grid + self.code("."), jnp.full(1, EOS, jnp.int32)])

    def verify(self, problem: Puzzle, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
        """Quality: rows, columns and boxes with 1 to 4 that change no clue, of 12; one less if the
        answer does not end as it should. `right`: some grid still fits."""
        number = tokens.shape[0]
        inside = jnp.arange(number) < length
        ids = jnp.pad(jnp.where(inside, tokens, 0), (0, max(CELLS + 1 - number, 0)))
        cells = ids[:CELLS] - self.code(".")
        grids = jnp.asarray(_grids())
        so_far = jnp.cumprod(grids == cells[None], axis=1, dtype=jnp.int32) == 1
        possible = (so_far & self.fitting(problem)[:, None]).any(0)
        right = jnp.concatenate([possible, possible[-1:] & (ids[CELLS : CELLS + 1] == EOS)])
        right = jnp.pad(right, (0, max(number - CELLS - 1, 0)))[:number] | ~inside
        kept = (problem.clues == 0) | (problem.clues == cells)
        units = jnp.asarray(_units())
        full = (cells[units][:, :, None] == jnp.arange(1, 5)[None, None]).any(1).all(1)
        good = (full & kept[units].all(1)).sum()
        correct = right.all() & layout.ended(tokens, length)
        good = jnp.where(correct, 12, jnp.minimum(good, 11))
        return Verdict(
            quality=good.astype(jnp.float32) / 12,
            correct=correct,
            canonical=layout.digest(tokens, inside),
            step=jnp.arange(number, dtype=jnp.int32),
            right=right,
        )


@functools.cache
def _units() -> np.ndarray:
    """Cells of each row, column and box."""
    cells = np.arange(CELLS).reshape(4, 4)
    boxes = cells.reshape(2, 2, 2, 2).swapaxes(1, 2).reshape(4, 4)
    return np.concatenate([cells, cells.T, boxes])


@functools.cache
def _grids() -> np.ndarray:
    """All 288 full grids, int32 (288, 16)."""
    rows = list(itertools.permutations(range(1, 5)))
    grids = np.array(list(itertools.product(rows, repeat=2)), np.int32).reshape(-1, 8)
    halves = grids[[all(len(set(half[unit])) == 4 for unit in (_HALF)) for half in grids]]
    pairs = np.concatenate(
        [np.repeat(halves, len(halves), 0), np.tile(halves, (len(halves), 1))], axis=1
    )
    full = np.sort(pairs[:, _units()], axis=2) == np.arange(1, 5)
    return pairs[full.all((1, 2))]


_HALF = np.array([[0, 1, 4, 5], [2, 3, 6, 7]])
"""Cells of the two boxes of the upper half."""
