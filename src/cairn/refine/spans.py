"""Stretches of a text that somebody found, and how overlapping ones are settled."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from cairn.refine.kinds import OTHER

_INNER = re.compile(r"[^\W_](?:.*[^\W_])?", re.S)


class Span(NamedTuple):
    """Characters `text[start:end]` and what they are."""

    start: int
    """First character."""
    end: int
    """Behind the last character."""
    kind: str
    """PERSON, EMAIL_ADDRESS …: the names of Presidio where it has one."""
    score: float = 1.0
    """How sure the finder is, in (0, 1]."""
    by: str = ""
    """Who found it."""


def settled(spans: Iterable[Span]) -> list[Span]:
    """The spans without overlaps, in the order of the text.

    Of spans that overlap the surest stays, then the longest, then the first. A longer span that
    holds a surer one of the same kind stands in its place, with its score: no part is left over.
    """
    found = set(spans)
    if len(found) < 2:  # as in most short texts
        return [span for span in found if span.start < span.end]
    chosen: list[Span] = []  # without overlaps and in order
    for span in sorted(found, key=_worth):
        if span.start >= span.end:
            continue
        first = bisect_right(chosen, span.start, key=lambda other: other.end)
        last = bisect_left(chosen, span.end, key=lambda other: other.start)
        clash = chosen[first:last]
        if not clash:
            chosen.insert(first, span)
        elif clash[0].start >= span.start and clash[-1].end <= span.end:
            best = min(clash, key=_worth)
            if best.kind == span.kind:
                chosen[first:last] = [span._replace(score=best.score, by=best.by)]
    return chosen


def replaced(text: str, spans: Iterable[Span], fresh: Callable[[Span], str]) -> str:
    """The text with `fresh(span)` in the place of each span; of overlapping ones, see `settled`."""
    parts, at = [], 0
    for span in settled(spans):
        parts += [text[at : span.start], fresh(span)]
        at = span.end
    return "".join((*parts, text[at:]))


def around(text: str, span: Span, places: Iterable[Span]) -> list[Span]:
    """What of a span lies in none of `places`, without the blanks and signs at its edges; `places`
    are apart and in order. Such a part of a value has not its form any more, but for a name's."""
    inside = [place for place in places if place.start < span.end and place.end > span.start]
    if not inside:
        return [span]
    parts, at = [], span.start
    for place in inside:
        parts.append((at, place.start))
        at = place.end
    kind = span.kind if span.kind == "PERSON" else OTHER
    return [
        span._replace(start=start + match.start(), end=start + match.end(), kind=kind)
        for start, end in (*parts, (at, span.end))
        for match in _INNER.finditer(text[start:end])
    ]


def standing(text: str, value: str) -> Iterator[tuple[int, int]]:
    """Where a value stands in a text as whole words, from left to right: "Li" is not in "Lima"."""
    at = text.find(value)
    while at >= 0:
        end = at + len(value)
        whole = not _within(text, at) and not _within(text, end)
        if whole:
            yield at, end
        at = text.find(value, end if whole else at + 1)


def _within(text: str, at: int) -> bool:
    """Whether a place is inside a word. Scripts without capitals may have no blanks between."""
    edge = text[at - 1 : at + 1] if at else ""
    return len(edge) == 2 and all(c.isdecimal() or c.lower() != c.upper() for c in edge)


def _worth(span: Span) -> tuple[float, int, int, str, str]:
    """Smaller is better."""
    return (-span.score, span.start - span.end, span.start, span.kind, span.by)


MAY_BE_PUBLIC = frozenset({"PERSON"})
"""Kinds of which a weak find may be somebody known. No password or passport is public."""


def certain(span: Span, sure: float) -> bool:
    """Whether a find is private for certain: of any other kind, or by its score."""
    return span.score >= sure or span.kind not in MAY_BE_PUBLIC
