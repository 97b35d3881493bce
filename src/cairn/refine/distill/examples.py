"""What a small refiner learns from: texts, and which characters of each the expensive one removed.

From made or labelled records the stretches are those that a teacher finds (`patterns`: our own
detectors; `labels`: the records' own). From pairs of a text and its rewrite they are the words that
did not survive, by the alignment that refiners are scored by.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

from cairn.refine.aligned import Token, kept, tokens
from cairn.refine.detectors.base import Detector
from cairn.refine.detectors.catalogue import detectors
from cairn.refine.kinds import OTHER
from cairn.refine.labels import Record
from cairn.refine.spans import Span, settled

Teacher = Literal["patterns", "labels"]


class Example(NamedTuple):
    """A text and what was removed from it, in order and without overlaps."""

    text: str
    spans: tuple[Span, ...]


class Aligned(NamedTuple):
    """A pair as an example, and what of the pair no tagger can do."""

    example: Example
    edited: float
    """Share of the original's words that did not survive."""
    added: int
    """Words of the rewrite that stand where nothing was removed."""


def of_records(records: Iterable[Record], teacher: Teacher) -> Iterator[Example]:
    """An example a record."""
    finder = detectors()
    for record in records:
        found = record.spans if teacher == "labels" else finder.find(record.text)
        yield Example(record.text, tuple(settled(found)))


def of_pair(text: str, rewrite: str, finders: Sequence[Detector]) -> Aligned:
    """What a rewrite removed from a text.

    Words and signs side by side that did not survive are one stretch: of two words with a sign
    between them that did, each is one by itself. Where a detector finds something that overlaps a
    stretch, its span and its kind are taken, for a pseudonym may share a word or a sign with what
    it replaces; but not what stands apart at the span's edges, between blanks, and was left as it
    was.
    """
    before, after = tokens(text), tokens(rewrite)
    pairs = kept([token.text for token in before], [token.text for token in after])
    survived = {at for at, _ in pairs}
    gone = [at for at in range(len(before)) if at not in survived]
    known = settled(span for finder in finders for span in finder.find(text))
    spans: list[Span] = []
    for _, group in groupby(enumerate(gone), lambda pair: pair[1] - pair[0]):
        run = [before[at] for _, at in group]
        if not any(token.is_word for token in run):
            continue
        start, end = run[0].start, run[-1].end
        overlaps = [span for span in known if span.start < end and span.end > start]
        edited = [before[at] for at in gone]
        spans += [_without_kept(text, span, edited) for span in overlaps] or [
            Span(start, end, OTHER)
        ]
    words = sum(token.is_word for token in before)
    lost = sum(before[at].is_word for at in gone)
    edges = [(-1, -1), *pairs, (len(before), len(after))]
    added = sum(
        token.is_word
        for (at, other), (after_at, after_other) in pairwise(edges)
        if after_at == at + 1
        for token in after[other + 1 : after_other]
    )
    return Aligned(Example(text, tuple(settled(spans))), lost / max(1, words), added)


def _without_kept(text: str, span: Span, edited: Sequence[Token]) -> Span:
    """A span from its first stretch between blanks in which something was edited to its last."""
    parts = [match.span() for match in re.finditer(r"\S+", text[span.start : span.end])]
    touched = [
        (span.start + start, span.start + end)
        for start, end in parts
        if any(t.start < span.start + end and t.end > span.start + start for t in edited)
    ]
    return span._replace(start=touched[0][0], end=touched[-1][1])
