"""A long text in pieces that stand by themselves; joined they are the text again, byte by byte.

A piece ends, in this order of preference, before a heading or a statement of a Python program's top
level, after a paragraph, after a line, after a line inside a fenced block, after a sentence, at a
blank, anywhere; and never inside a span that fits into a piece. All pieces of a text share the
table of its pseudonyms, which is made of the whole (`pseudonyms.Pseudonyms.table`).
"""

import ast
import re
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from cairn.refine.spans import Span, settled

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.M)
_HEADING = re.compile(r"^(?=#{1,6} \S)", re.M)
_PARAGRAPH = re.compile(r"(?<=\n)(?:[ \t]*\r?\n)+(?=[^\n])")
_SENTENCE = re.compile(r"[.!?…。！？]['\"’”)\]]{0,2}(?:\s+|(?<=[。！？]))(?=\S)")
_BLANK = re.compile(r"\s+(?=\S)")


def split(text: str, most: int, spans: Iterable[Span] = ()) -> list[str]:
    """Pieces of at most `most` characters (at least 1), whose concatenation is `text`.

    `spans` are stretches of `text` that are kept whole unless one is longer than `most`.
    """
    if len(text) <= most:
        return [text]
    whole = [(span.start, span.end) for span in settled(spans) if span.end - span.start <= most]
    breaks = [[place for place in places if not _inside(place, whole)] for places in _breaks(text)]
    pieces, start = [], 0
    while len(text) - start > most:
        end = _end(text, start, start + most, breaks, whole)
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]


def _end(
    text: str, start: int, limit: int, breaks: list[list[int]], whole: list[tuple[int, int]]
) -> int:
    """The last of the best breaks in the second half of a piece, or else in its first; of headings
    and statements in its last three quarters."""
    for share in (2, 0):
        for sort, places in enumerate(breaks):
            least = start + (limit - start) * (1 if share and sort == 0 else share) // 4
            at = bisect_right(places, limit) - 1
            if at >= 0 and places[at] > least:
                return places[at]
    at = bisect_left(whole, (limit, 0)) - 1
    if at >= 0 and start < whole[at][0] and limit < whole[at][1]:
        return whole[at][0]
    halved = text[limit - 1] == "\r" and text[limit : limit + 1] == "\n"
    return limit - 1 if halved and limit - 1 > start else limit


def _inside(place: int, whole: list[tuple[int, int]]) -> bool:
    at = bisect_left(whole, (place, 0)) - 1
    return at >= 0 and whole[at][0] < place < whole[at][1]


def _breaks(text: str) -> Iterator[list[int]]:
    """Where a piece may end, best sort first, each in order."""
    fenced = _fenced(text)

    def free(places: Iterable[int]) -> list[int]:
        return [place for place in places if not _inside(place, fenced)]

    yield free(sorted({*_statements(text), *(m.start() for m in _HEADING.finditer(text))}))
    yield free(match.end() for match in _PARAGRAPH.finditer(text))
    lines = [match.end() for match in re.finditer(r"\n", text)]
    yield free(lines)
    yield lines
    yield [match.end() for match in _SENTENCE.finditer(text)]
    yield [match.end() for match in _BLANK.finditer(text)]


def _fenced(text: str) -> list[tuple[int, int]]:
    """Blocks between fences, from the line of the first to the end of the line of the second."""
    marks = [match.start() for match in _FENCE.finditer(text)]
    blocks = []
    for first, second in zip(marks[::2], marks[1::2], strict=False):
        end = text.find("\n", second)
        blocks.append((first, len(text) if end < 0 else end + 1))
    return blocks


def _statements(text: str) -> list[int]:
    """Where statements of the top level of a Python program begin, with the comments and
    decorators above them; nothing for any other text."""
    if len(text) > 1_000_000 or not re.search(r"^(?:def|class|import|from|async|@)\b", text, re.M):
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    starts = [0, *(match.end() for match in re.finditer(r"\n", text))]
    lines = text.split("\n")
    places = []
    for node in body:
        decorators = getattr(node, "decorator_list", [])
        line = min([node.lineno, *(d.lineno for d in decorators)]) - 1
        while line > 0 and lines[line - 1].startswith("#"):
            line -= 1
        places.append(starts[line])
    return [place for place in sorted(set(places)) if place > 0]
