"""Texts as a tagger reads them: pieces of words, each with the characters that it stands for.

A piece is up to three letters or two digits of one word, or one other sign. Its id is a hash of how
it is written, whether a blank comes before it and whether it goes on a word, within the range of
its shape (`SHAPES`). So nothing is fitted, no text holds a piece without an id, and of a piece that
training never showed the shape is known. (Weinberger et al. 2009, arXiv:0902.2206: features by
hashing; a collision costs some accuracy and nothing else.)
"""

import re
import zlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np

SHAPES = ("small", "capital", "capitals", "goes on", "other letters", "digits", "sign")
"""Of pieces: how a word of letters begins, or that the piece is not its first."""
RANGE = 2048
"""Ids of each shape."""
BUCKETS = 1 + RANGE * len(SHAPES)
"""Ids of pieces: 1 to BUCKETS - 1. 0 stands where no text is."""
NOTHING = 0
_WORD = re.compile(r"[^\W\d_]+|\d+|[^ ]")
_LETTERS, _DIGITS = 3, 2


class Pieces(NamedTuple):
    """A text cut up."""

    ids: np.ndarray
    """int32, one a piece."""
    word: np.ndarray
    """int32, one a piece: the word that it belongs to; a sign is a word of its own."""
    words: np.ndarray
    """int32, (words, 2): first character of each word and the one behind its last."""


def cut(text: str) -> Pieces:
    """The pieces of a text, in order. Single blanks belong to what follows them."""
    ids, owner, words = [], [], []
    for number, match in enumerate(_WORD.finditer(text)):
        start, end = match.span()
        before = "_" if start and text[start - 1] == " " else ""
        for piece in _split(match[0]):
            ids.append(_id(before + piece))
            owner.append(number)
            before = "+"
        words.append((start, end))
    places = np.array(words, np.int32).reshape(-1, 2)
    return Pieces(np.array(ids, np.int32), np.array(owner, np.int32), places)


def shape_of(ids: np.ndarray) -> np.ndarray:
    """The number of each id's shape in `SHAPES`."""
    return (ids - 1) // RANGE


def _split(word: str) -> list[str]:
    width = _DIGITS if word[0].isdecimal() else _LETTERS
    return [word[at : at + width] for at in range(0, len(word), width)]


@lru_cache(maxsize=1 << 17)
def _id(piece: str) -> int:
    """`piece`: behind "_" after a blank, behind "+" inside a word."""
    hashed = zlib.crc32(piece.encode("utf-8", "surrogatepass")) % RANGE
    return 1 + SHAPES.index(_shape(piece)) * RANGE + hashed


def _shape(piece: str) -> str:
    letters = piece[1:] if piece[0] in "_+" and len(piece) > 1 else piece
    if letters[0].isdecimal():
        return "digits"
    if not letters[0].isalpha():
        return "sign"
    if letters is not piece and piece[0] == "+" and letters.islower():
        return "goes on"
    if letters.islower():
        return "small"
    if letters[0].isupper():
        return "capital" if len(letters) == 1 or letters[1:].islower() else "capitals"
    return "other letters"
