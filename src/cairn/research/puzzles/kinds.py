"""The kinds of puzzles by name, and puzzles of each in two splits that share none."""

import hashlib
import re
from functools import lru_cache, partial
from typing import Any, Literal

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.core.files import to_json
from cairn.research.puzzles import countdown, sudoku
from cairn.research.puzzles.protocol import Game

Split = Literal["train", "val"]
KINDS = ("countdown-3", "countdown-5", "countdown-7", "sudoku-4", "sudoku-6")
"""Those of the paper; countdown-2 to countdown-8 are all there."""
BUDGETS = {"countdown": 1_000_000, "sudoku-4": 100_000, "sudoku-6": 500_000}
"""Tokens a game, the paper's."""


def check_kind(kind: str) -> tuple[str, int]:
    """Family and size of a kind. Raises ConfigError for one that is not known."""
    found = re.fullmatch(r"(countdown|sudoku)-(\d)", kind)
    sizes = {"countdown": range(2, 9), "sudoku": sudoku.SHAPES}
    if found is None or int(found[2]) not in sizes[found[1]]:
        raise ConfigError(
            f"No puzzles are called {kind!r}. Expected countdown-2 to countdown-8, sudoku-4 or "
            f"sudoku-6."
        )
    return found[1], int(found[2])


def budget_of(kind: str) -> int:
    """Tokens a game of this kind may cost."""
    return BUDGETS.get(kind, BUDGETS["countdown"])


def puzzles(kind: str, count: int, *, seed: int = 0, split: Split = "val") -> list[dict[str, Any]]:
    """Different solvable puzzles as JSON, by draws of their own: the first n of more are the same.

    A puzzle's digest puts it into one split: one in five is `val`.
    """
    family, size = check_kind(kind)
    draw = partial({"countdown": countdown.draw, "sudoku": sudoku.draw}[family], size)
    found: dict[str, dict[str, Any]] = {}
    number = 0
    while len(found) < count:
        puzzle = draw(DrawKey.root(seed).child(kind, number).random()).plain()
        text = to_json(puzzle)
        if split_of(text) == split:
            found.setdefault(text, puzzle)
        number += 1
    return list(found.values())


def split_of(text: str) -> Split:
    """Where a puzzle belongs."""
    return "val" if hashlib.blake2b(text.encode(), digest_size=8).digest()[0] % 5 == 0 else "train"


def game_of(puzzle: dict[str, Any]) -> Game:
    """The game of a puzzle from `puzzles`; the last ones are kept with what they found out."""
    if "board" in puzzle:
        return _sudoku(puzzle["board"])
    return _countdown(tuple(puzzle["numbers"]), puzzle["target"])


@lru_cache(maxsize=4)
def _countdown(numbers: tuple[int, ...], target: int) -> Game:
    return countdown.Countdown(numbers, target)


@lru_cache(maxsize=4)
def _sudoku(board: str) -> Game:
    return sudoku.Sudoku(board)
