"""What the small refiner sees: a text less clean than the one its teacher saw, same labels.

The teacher (patterns, above all) needs a cue: a word before the value, a layout, a form. A student
that reads the same text learns the cue. One that reads it with words exchanged, signs of the layout
swapped, cut out anywhere or put together anew has to learn what values look like as well, and that
is what carries over to formats that nobody wrote patterns for. And one for whom some words are no
words that it knows, only shapes, has to go by what stands around them: a text of tomorrow is full
of such words, and few of them are private.

Source of the idea: Xie et al. 2020 (arXiv:1911.04252), a student with noise learns from a teacher
without. What the noise does here is our own.
"""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cairn.refine.distill.examples import Example
from cairn.refine.distill.pieces import RANGE, SHAPES, shape_of
from cairn.refine.spans import Span

_SIGN = SHAPES.index("sign")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_PHRASES = re.compile(r"[^\W_][^\n,;:|<>(){}\[\]\"'`=]{2,40}")
LAYOUT = ",;:|=\t\"'<>(){}[]/#*-"
_JOINS = (
    ", ", ",", ";", " | ", "|", "\t", "\n", " - ", ": ", "=", " = ", " / ", " ", "\n- "
)  # fmt: skip
_AROUND = (("", ""), ('"', '"'), ("'", "'"), ("<", ">"), ("(", ")"), ("`", "`"), ("[", "]"))


class Pools(NamedTuple):
    """What texts are put together of."""

    values: tuple[tuple[str, str], ...]
    """What was removed, with its kind."""
    words: tuple[str, ...]
    """Of what was kept."""
    phrases: tuple[str, ...]
    """Stretches of what was kept."""
    more: tuple[str, ...]
    """Words of a language at large; none: `words`."""

    def word(self, draw: random.Random) -> str:
        """Any word, one in four of those at large with a capital."""
        if draw.random() < 0.5:
            return draw.choice(self.words)
        word = draw.choice(self.more or self.words)
        return word.capitalize() if draw.random() < 0.25 else word

    def phrase(self, draw: random.Random) -> str:
        """Some words of which none has to go."""
        if not self.more or draw.random() < 0.6:
            return draw.choice(self.phrases)
        return " ".join(self.word(draw) for _ in range(draw.randrange(1, 6)))


def pools(examples: Sequence[Example], more: Sequence[str] = ()) -> Pools:
    """Of all examples, and more words: forms that are made have few of their own."""
    values, words, phrases = [], [], []
    for text, spans in examples:
        values += [(text[span.start : span.end], span.kind) for span in spans]
        for between in _between(text, spans):
            words += _WORDS.findall(between)
            phrases += [match.strip() for match in _PHRASES.findall(between)]
    phrases = list(filter(None, phrases))
    return Pools(tuple(values), tuple(words) or ("and",), tuple(phrases) or ("and",), tuple(more))


def seen(example: Example, known: Pools, draw: random.Random, *, longest: int) -> Example:
    """One noisy view of an example, at most `longest` characters."""
    if known.values and draw.random() < 0.25:
        example = _recombined(known, draw)
    elif draw.random() < 0.6:
        example = _exchanged(example, known, draw)
    return _cropped(example, draw, longest)


def unknown(ids: np.ndarray, word: np.ndarray, draw: random.Random) -> np.ndarray:
    """The ids of a view with those of some words exchanged for any of the same shape.

    So each id of a shape comes to mean "something of this shape" before it means anything more.
    """
    share = draw.choice((0.0, 0.05, 0.15, 0.4))
    if not share or not len(ids):
        return ids
    own = np.random.default_rng(draw.getrandbits(64))
    chosen = (own.random(int(word[-1]) + 1) < share)[word] & (shape_of(ids) != _SIGN)
    others = 1 + shape_of(ids) * RANGE + own.integers(0, RANGE, len(ids))
    return np.where(chosen, others, ids).astype(np.int32)


def _between(text: str, spans: Sequence[Span]) -> list[str]:
    parts, at = [], 0
    for span in spans:
        parts.append(text[at : span.start])
        at = span.end
    return [*parts, text[at:]]


def _exchanged(example: Example, known: Pools, draw: random.Random) -> Example:
    """Some words are others, some signs of the layout are others throughout, case may be lost."""
    rate = draw.choice((0.1, 0.3, 0.7, 1.0))
    table = {}
    if draw.random() < 0.5:
        for sign in draw.sample(LAYOUT, 6):
            table[ord(sign)] = draw.choice(LAYOUT)

    def other(match: re.Match[str]) -> str:
        return known.word(draw) if draw.random() < rate else match[0]

    text, spans, parts = "", [], _between(*example)
    for number, between in enumerate(parts):
        text += _WORDS.sub(other, between.translate(table))
        if number < len(example.spans):
            span = example.spans[number]
            value = example.text[span.start : span.end]
            spans.append(Span(len(text), len(text) + len(value), span.kind))
            text += value
    fold = draw.random()
    if fold < 0.1:  # only where it moves no character
        changed = text.upper() if fold < 0.05 else text.lower()
        text = changed if len(changed) == len(text) else text
    return Example(text, tuple(spans))


def _recombined(known: Pools, draw: random.Random) -> Example:
    """Values and phrases of anywhere, in a layout of its own."""
    join, (left, right) = draw.choice(_JOINS), draw.choice(_AROUND)
    named = draw.choice((None, None, ": ", "=", " ", ">"))
    text, spans = "", []
    for number in range(draw.randrange(3, 14)):
        if number:
            text += join if draw.random() < 0.8 else draw.choice(_JOINS)
        if named is not None:
            text += known.word(draw) + named
        text += left
        if draw.random() < 0.45:
            value, kind = draw.choice(known.values)
            spans.append(Span(len(text), len(text) + len(value), kind))
            text += value
        else:
            text += known.phrase(draw)
        text += right
    return Example(text, tuple(spans))


def _cropped(example: Example, draw: random.Random, longest: int) -> Example:
    """A stretch of a text, from the edge of a word on."""
    text, spans = example
    start, end = 0, len(text)
    if end > longest or draw.random() < 0.4:
        start = draw.randrange(max(1, end - min(longest, end) // 2))
        edge = re.search(r"\b", text[start:])
        start += edge.start() if edge else 0
        end = min(end, start + longest)
    cut = [span for span in spans if span.start < end and span.end > start]
    return Example(
        text[start:end],
        tuple(
            s._replace(start=max(s.start, start) - start, end=min(s.end, end) - start) for s in cut
        ),
    )
