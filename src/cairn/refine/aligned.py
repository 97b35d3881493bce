"""What of a text a rewrite kept, word for word: an exact longest common subsequence of tokens."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

_TOKEN = re.compile(r"\w+|[^\w\s]")
WHOLE = 4000
"""Tokens up to which two texts are aligned as wholes; longer ones line by line first."""


class Token(NamedTuple):
    """A word or a sign."""

    text: str
    start: int
    end: int

    @property
    def is_word(self) -> bool:
        """Whether it holds a letter or a digit: `_key` does."""
        return any(map(str.isalnum, self.text))


def tokens(text: str, cuts: Sequence[int] = ()) -> list[Token]:
    """Words and signs of a text; a word that reaches over one of `cuts` (characters) is cut."""
    found, edges = [], sorted(set(cuts))
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        inside = [cut for cut in edges if start < cut < end] if edges else []
        for left, right in zip([start, *inside], [*inside, end], strict=True):
            found.append(Token(text[left:right], left, right))
    return found


def kept(original: Sequence[str], rewrite: Sequence[str]) -> list[tuple[int, int]]:
    """Places (in the original, in the rewrite) of a longest common subsequence, in order."""
    if max(len(original), len(rewrite)) <= WHOLE:
        return _common(original, rewrite, 0, 0)
    blocks = SequenceMatcher(None, original, rewrite, autojunk=True).get_matching_blocks()
    pairs, i, j = [], 0, 0
    for at, other, size in blocks:
        pairs += _common(original[i:at], rewrite[j:other], i, j)
        pairs += [(at + k, other + k) for k in range(size)]
        i, j = at + size, other + size
    return pairs


def _common(a: Sequence[str], b: Sequence[str], i: int, j: int) -> list[tuple[int, int]]:
    """Bit-parallel longest common subsequence, with the way back.

    Source: Hyyrö 2004, "Bit-parallel LCS-length computation revisited"; a row of bits is kept for
    every token of `b`, a bit clear where the length grows.
    """
    masks: dict[str, int] = {}
    for place, token in enumerate(a):
        masks[token] = masks.get(token, 0) | 1 << place
    full = (1 << len(a)) - 1
    row, rows = full, []
    for token in b:
        both = row & masks.get(token, 0)
        row = ((row + both) | (row - both)) & full
        rows.append(row)
    pairs, at, other = [], len(a), len(b)
    while at and other:
        if rows[other - 1] >> (at - 1) & 1:
            at -= 1
            continue
        other -= 1
        if other and not rows[other - 1] >> (at - 1) & 1:
            continue
        at -= 1
        pairs.append((i + at, j + other))
    return pairs[::-1]
