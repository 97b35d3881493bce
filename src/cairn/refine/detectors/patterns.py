"""A detector as a table: expressions with a score, a validity test and context words.

The mechanics are Presidio's (Microsoft, presidio-analyzer 2.2: base scores, validators, context
enhancement), written anew: a validity test turns a match into a sure one or drops it, and context
words within five words raise a score. Different: context words are whole words, they count on both
sides, and an expression may need one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial

from cairn.refine.spans import Span, settled

NEAR = 5
"""Words before and after a match in which context words count."""
RAISE, FLOOR = 0.35, 0.4
"""What a context word adds to a score, and the least that comes of it: Presidio's figures."""
_PART = re.compile(r"-[A-Z](?![^\W_])")
_OWN_FORM = 0.7
"""Score from which a number is taken for what it is, whatever follows it."""
_BEHIND = 120
"""Characters in which those words are looked for."""
_WORD = re.compile(r"[^\W_]+")
_SEPARATORS = re.compile(r"[\W_]")
_DIGIT = re.compile(r"\d")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class Pattern:
    """One form of one kind."""

    kind: str
    regex: re.Pattern[str]
    """What is found is its group `value` if it has one, else the whole match. It must take time
    linear in the text: bounded or possessive repeats, and a start that few places fit."""
    score: float
    """Of a match that nothing speaks for or against."""
    valid: Callable[[str], bool] | None = None
    """Of what was found: True makes the score `sure`, False drops it."""
    sure: float = 1.0
    """Score of a match that is valid: below 1 where many numbers are valid by chance."""
    context: frozenset[str] = frozenset()
    """Words, in lower case, one of which near by raises the score."""
    alone: bool = True
    """Whether it counts without a context word."""
    holds: tuple[str, ...] = ()
    """In lower case: without one of these nothing can match, so they are looked for first."""
    parts: bool = False
    """Whether part numbers look alike: a weak match before a dash and one capital needs a word."""
    digits: bool = True
    """Whether a text without a digit cannot match."""
    fit: Callable[[str, int, int], int | None] | None = None
    """Of text, start and end: where the value really ends; None if it only looks like one."""


def words(text: str) -> frozenset[str]:
    """Context words from a line of them."""
    return frozenset(text.split())


def holds(lower: str, parts: Iterable[str]) -> bool:
    """Whether one of the parts stands in a text. A plain loop: every text of a source passes it a
    hundred times, and a generator takes twice as long."""
    for part in parts:  # noqa: SIM110
        if part in lower:
            return True
    return False


def plain(text: str) -> str:
    """Without what separates digits and letters, in upper case."""
    return _SEPARATORS.sub("", text).upper()


def of(check: Callable[[str], bool]) -> Callable[[str], bool]:
    """The check of a number without separators, for numbers as they are written."""
    return partial(_of, check)  # no closure: processes are sent detectors


def _of(check: Callable[[str], bool], text: str) -> bool:
    return check(plain(text))


@dataclass(frozen=True)
class Patterns:
    """A detector made of patterns."""

    name: str
    patterns: tuple[Pattern, ...]
    begins: re.Pattern[str] | None = None
    """Where matches may begin, if that is quicker to find than each pattern by itself."""
    kinds: tuple[str, ...] = field(init=False)
    _groups: tuple[tuple[tuple[str, ...], tuple[Pattern, ...]], ...] = field(init=False, repr=False)
    """The patterns by what they hold, which is looked for once."""

    def __post_init__(self):
        kinds = tuple(dict.fromkeys(pattern.kind for pattern in self.patterns))
        object.__setattr__(self, "kinds", kinds)
        groups: dict[tuple[str, ...], list[Pattern]] = {}
        for pattern in self.patterns:
            groups.setdefault(pattern.holds, []).append(pattern)
        object.__setattr__(self, "_groups", tuple((h, tuple(p)) for h, p in groups.items()))

    def find(self, text: str) -> list[Span]:
        """Spans of all patterns, overlaps settled."""
        found: list[Span] = []
        digits, lower = _glance(text)
        places = None
        if self.begins is not None:
            places = [match.start() for match in self.begins.finditer(text)] if digits else []
            if not places:
                return found
        for parts, patterns in self._groups:
            if parts and not holds(lower, parts):
                continue
            for pattern in patterns:
                if pattern.digits and not digits:
                    continue
                regex = pattern.regex
                every = regex.finditer(text) if places is None else _at(pattern, text, places)
                for match in every:
                    span = self._judged(pattern, match, text)
                    if span is not None:
                        found.append(span)
        return settled(found) if len(found) > 1 else found

    def _judged(self, pattern: Pattern, match: re.Match[str], text: str) -> Span | None:
        start, end = match.span("value" if "value" in pattern.regex.groupindex else 0)
        if pattern.fit is not None:
            fitting = pattern.fit(text, start, end)
            if fitting is None:
                return None
            end = fitting
        score = pattern.score
        if pattern.valid is not None:
            if not pattern.valid(text[start:end]):
                return None
            score = pattern.sure
        alone = pattern.alone
        if pattern.parts and score < _OWN_FORM:
            alone = alone and _PART.match(text, end) is None
        if pattern.context and (score < 1 or not alone):
            if near(text, start, end, pattern.context):
                score = min(1.0, max(score + RAISE, FLOOR))
            elif not alone:
                return None
        return Span(start, end, pattern.kind, round(score, 6), self.name)


@lru_cache(8)
def _glance(text: str) -> tuple[bool, str]:
    """What every detector looks at first: whether there is a digit, and the text in lower case."""
    return _DIGIT.search(text) is not None, text.lower()


def near(text: str, start: int, end: int, context: frozenset[str]) -> bool:
    """Whether one of the words stands within five words of `text[start:end]`.

    CamelCase and snake_case count as several words.
    """
    before = _split(text[max(0, start - _BEHIND) : start])[-NEAR:]
    if not context.isdisjoint(before):
        return True
    return not context.isdisjoint(_split(text[end : end + _BEHIND])[:NEAR])


def _split(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]


def _at(pattern: Pattern, text: str, places: list[int]) -> Iterator[re.Match[str]]:
    """Matches that begin at the places."""
    for place in places:
        match = pattern.regex.match(text, place)
        if match is not None:
            yield match
