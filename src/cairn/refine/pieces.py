"""A piece of a text that is rewritten: what it needs to know, and the tries that it has left."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from cairn.refine.checks.base import Pair
from cairn.refine.spans import Span, certain


@dataclass
class Piece:
    """A piece and its tries."""

    pair: Pair
    """Its rewrite: the last one that passed."""
    purpose: str
    left: list[tuple[str, int]]
    """Who is asked next, and how often was before."""
    failed: list[str]
    doubtful: Set[str] = frozenset()
    """Values that are found with too low a score only, anywhere in the text."""
    role: str | None = None
    """Who wrote the rewrite; None where there is nothing to rewrite."""
    asked: frozenset[int] = frozenset()
    """Of `Failure.doubtful`: what a rewrite was turned down for already."""
    kept: frozenset[int] = frozenset()
    """What of it the rewrite keeps."""


def failed_of(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """The check that turned down each try, piece by piece."""
    return tuple(check for piece in pieces for check in piece.failed)


def joined(pieces: Sequence[Piece]) -> str:
    """The text of what they were rewritten to."""
    return "".join(piece.pair.rewrite for piece in pieces)


def pair_of(piece: str, start: int, found: Sequence[Span], table: Mapping[str, str]) -> Pair:
    """A piece with the spans in it, by its own characters, and what of the table it needs."""
    end = start + len(piece)
    inside = tuple(
        span._replace(start=max(span.start, start) - start, end=min(span.end, end) - start)
        for span in found
        if span.start < end and span.end > start
    )
    return Pair(piece, "", inside, {v: name for v, name in table.items() if v in piece})


def doubtful_in(pair: Pair) -> set[str]:
    """Values of the table that are found with too low a score only."""
    sure: dict[str, bool] = {}
    for span in pair.private:
        value = pair.original[span.start : span.end]
        sure[value] = sure.get(value, False) or certain(span, pair.sure)
    return {value for value, known in sure.items() if not known}


def half_named(piece: str, table: Mapping[str, str]) -> dict[str, str]:
    """What of the table concerns a piece that holds only a part of a name: a surname alone."""
    there = set(re.findall(r"[^\W\d_]{4,}", piece))
    return {
        value: name
        for value, name in table.items()
        if re.fullmatch(r"[^\W\d_]+(?:[\s'’.-]+[^\W\d_]+)+", value)
        and there.intersection(re.findall(r"[^\W\d_]{4,}", value))
    }
