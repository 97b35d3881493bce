"""From the chances of pieces to spans: words first, then what stands side by side."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.refine.distill.pieces import Pieces
from cairn.refine.spans import Span

NAME = "distilled"
LAPPED = 4
"""A window goes on where a part of 1 / LAPPED of it was read already."""


class Window(NamedTuple):
    """Pieces of a text that are read at once."""

    start: int
    end: int
    used: int
    """The first piece whose chances are taken from this window."""
    until: int
    """The one behind the last."""


def windows(pieces: int, length: int) -> list[Window]:
    """Windows of at most `length` pieces; of what two share, each has the half nearer to it."""
    if pieces <= length:
        return [Window(0, pieces, 0, pieces)]
    starts = [*range(0, pieces - length, length - length // LAPPED), pieces - length]
    middles = [(start + length + after) // 2 for start, after in pairwise(starts)]
    edges = [0, *middles, pieces]
    return [
        Window(start, start + length, used, until)
        for start, (used, until) in zip(starts, pairwise(edges), strict=True)
    ]


def word_chances(
    pieces: Pieces, chances: Float[np.ndarray, "pieces tags"]
) -> Float[np.ndarray, "words tags"]:
    """The mean over the pieces of each word: no word goes in part."""
    total = np.zeros((len(pieces.words), chances.shape[1]))
    np.add.at(total, pieces.word, chances)
    return total / np.maximum(1, np.bincount(pieces.word, minlength=len(total)))[:, None]


def spans(
    text: str,
    pieces: Pieces,
    chances: Float[np.ndarray, "pieces tags"],
    kinds: Sequence[str],
    threshold: float,
) -> list[Span]:
    """Words that go with a chance of `threshold` or more, joined where nothing between them stays.

    A stretch is of the kind with most chance over its words, and as sure as its surest word.
    Stretches of signs alone are none.
    """
    by_word = word_chances(pieces, chances)
    goes = 1 - by_word[:, 0]
    found, run = [], []
    for number in range(len(goes) + 1):
        if number < len(goes) and goes[number] >= threshold:
            run.append(number)
            continue
        run = _trimmed(text, pieces, run)
        if run:
            kind = int(by_word[run, 1:].sum(axis=0).argmax())
            start, end = int(pieces.words[run[0], 0]), int(pieces.words[run[-1], 1])
            found.append(Span(start, end, kinds[kind], float(min(1.0, goes[run].max())), NAME))
        run = []
    return found


def _trimmed(text: str, pieces: Pieces, run: list[int]) -> list[int]:
    """Without line ends and the like at its edges; nothing if no letter or digit is in it."""
    words = [text[slice(*pieces.words[number])] for number in run]
    if not any(word[0].isalnum() for word in words):
        return []
    while words[0].isspace():
        words, run = words[1:], run[1:]
    while words[-1].isspace():
        words, run = words[:-1], run[:-1]
    return run
