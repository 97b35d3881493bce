"""People's names without a model: honorifics, labels, greetings, introductions, given names.

Weak, and meant to be: a name that none of these signs goes with is missed, capitals that look like
a name are found, and whether a name is a private person's or a public figure's cannot be seen.
Where names matter, add a model: `cairn.refine.presidio`, or a verifier among the checks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cairn.refine.detectors import name_signs as signs
from cairn.refine.detectors.patterns import holds
from cairn.refine.spans import Span, settled

_TOKEN = re.compile(rf"(?<![^\W_]){signs.PART}(?![\w])")
_GAP = re.compile(rf"[ \xa0](?:[{signs.CAPITAL}]\. ?)?(?:{signs.PARTICLE} ){{0,2}}")
_AFTER_TITLE = re.compile(rf"\.?[ \xa0]{{1,2}}{signs.TITLED}{signs.NAME}")
_AFTER_M = re.compile(rf"(?<![^\W_])M\.[ \xa0]{signs.NAME}")
_ASSIGNED = re.compile(rf"[:=][ \t*]{{0,4}}[rbuf]?[\"']?{signs.TITLED}{signs.NAME}(?![\w(]|\.\w)")
_COLUMN = re.compile(rf"\|[ \t]{{0,4}}{signs.NAME}[ \t]{{0,4}}\|")
_LABEL = re.compile(r"((?:[^\W\d_]+[ _-])?(?:[^\W\d_]+[ _-])?[^\W\d_]+)[\"'*|)]{0,3}[ \t]{0,4}\Z")
_ADDRESS = re.compile(r" ?[<(][^<>()@\s]{1,64}@")
_FULL_END = re.compile(rf"(?<![^\W_]){signs.FULL}\Z")
_AUTHOR = re.compile(rf"@author:?[ \t]{{1,8}}{signs.NAME}")


@cache
def given_names() -> tuple[frozenset[str], frozenset[str]]:
    """Common given names, and those of them that are words, places or months as well."""
    text = files("cairn.refine.detectors").joinpath("given_names.txt").read_text("utf-8")
    both = text.split()
    marked = frozenset(name[:-1] for name in both if name.endswith("*"))
    return frozenset(name.rstrip("*") for name in both), marked


@dataclass(frozen=True)
class Names:
    """Finds PERSON by signs around capitalised words; parts of a name found count elsewhere too."""

    name: str = "names"
    kinds: tuple[str, ...] = ("PERSON",)

    def find(self, text: str) -> list[Span]:
        """Names by sign, by list, and the parts of both wherever else they stand."""
        tokens = list(_TOKEN.finditer(text))
        found = [*self._by_sign(text), *self._titled(text, tokens), *self._listed(text, tokens)]
        return settled([*found, *self._again(text, tokens, found)]) if found else []

    def _by_sign(self, text: str) -> Iterator[Span]:
        lower = text.lower()
        for regex, score, needs in (
            (signs.INTRODUCTION, 0.75, signs.INTRODUCES),
            (signs.SELF, 0.5, signs.SELVES),
            (signs.GREETING, 0.65, ()),
            (signs.CLOSING, 0.65, ("\n", ",", "-")),
            (signs.COPYRIGHT, 0.55, ("copyright", "(c)", "©")),
            (_AUTHOR, 0.8, ("@author",)),
            (_AFTER_M, 0.75, ("m. ",)),
        ):
            if not needs or holds(lower, needs):
                for match in regex.finditer(text):
                    yield from self._trimmed(text, *match.span("value"), score)
        if ":" in text or "=" in text or "|" in text:
            for match in _ASSIGNED.finditer(text):
                if _labelled(text, match.start()):
                    yield from self._trimmed(text, *match.span("value"), 0.6)
            for match in _COLUMN.finditer(text):
                if _labelled(text, match.start()):
                    yield from self._trimmed(text, *match.span("value"), 0.6)
        if "@" in text:
            for match in _ADDRESS.finditer(text):
                start = max(0, match.start() - 80)
                before = _FULL_END.search(text[start : match.start()])
                if before:
                    first, last = before.span("value")
                    yield from self._trimmed(text, start + first, start + last, 0.85)
        if not text.isascii():
            for match in signs.ELSEWHERE.finditer(text):
                group = match.lastgroup or "value"
                yield Span(*match.span(group), "PERSON", 0.8, self.name)

    def _titled(self, text: str, tokens: list[re.Match[str]]) -> Iterator[Span]:
        for token in tokens:
            if token[0] in signs.HONORIFICS:
                match = _AFTER_TITLE.match(text, token.end())
                if match:
                    yield from self._trimmed(text, *match.span("value"), 0.75)

    def _trimmed(self, text: str, start: int, end: int, score: float) -> Iterator[Span]:
        """Without words at its ends that no name has."""
        tokens = list(re.finditer(r"[^ \xa0]+", text[start:end]))
        while tokens and tokens[-1][0].rstrip(".") in signs.NO_NAME:
            tokens.pop()
        while tokens and tokens[0][0] in signs.NO_NAME:
            tokens.pop(0)
        if not tokens or any(token[0] in signs.NO_LAST for token in tokens):
            return
        known = tokens[0][0] in given_names()[0]
        sure = min(1.0, score + 0.1 * (len(tokens) > 1) + 0.15 * known)
        first = start + tokens[0].start()
        last = first + len(_bare(text[first : start + tokens[-1].end()]))
        yield Span(first, last, "PERSON", round(sure, 3), self.name)

    def _listed(self, text: str, tokens: list[re.Match[str]]) -> Iterator[Span]:
        """A given name from the list; with a capitalised word behind it, the whole."""
        names, ambiguous = given_names()
        at = 0
        while at < len(tokens):
            first = tokens[at]
            at += 1
            word = _bare(first[0])
            shout = word.isupper() and len(word) > 2
            head = (word.title() if shout else word).split("-")[0]
            if head not in names:
                continue
            last, thing = first, False
            while at < len(tokens) and tokens[at].start() - first.start() <= 60:
                following = tokens[at]
                if _bare(last[0]) != last[0]:
                    break
                if _GAP.fullmatch(text, last.end(), following.start()) is None:
                    break
                thing = following[0] in signs.NO_LAST
                if thing or following[0] in signs.NO_NAME or following[0].isupper() != shout:
                    break
                last = following
                at += 1
            if thing:
                continue  # George Washington University
            end = last.start() + len(_bare(last[0]))
            if last is not first:
                score = 0.5 if head in ambiguous else 0.65
                yield Span(first.start(), end, "PERSON", score, self.name)
            elif head not in ambiguous and not shout:
                yield Span(first.start(), end, "PERSON", 0.45, self.name)

    def _again(self, text: str, tokens: list[re.Match[str]], found: list[Span]) -> Iterator[Span]:
        """Where else a part of a name stands, in capitals."""
        known: set[str] = set()
        for span in found:
            if span.score >= 0.6:
                parts = (p.strip(".,'’") for p in text[span.start : span.end].split())
                known |= {part for part in parts if len(part) > 2 and part[0].isupper()}
        known -= signs.NO_NAME | given_names()[1]
        for token in tokens if known else ():
            word = _bare(token[0])
            if word in known or (word.isupper() and word.title() in known):
                yield Span(token.start(), token.start() + len(word), "PERSON", 0.5, self.name)


def _bare(word: str) -> str:
    """Without the ending of a possessor."""
    return word[:-2] if word.endswith(("'s", "’s")) else word


def _labelled(text: str, end: int) -> bool:
    """Whether one of the labels ends before a place."""
    match = _LABEL.search(text, max(0, end - 48), end)
    if match is None:
        return False
    said = re.split(r"[ _-]", match[1].lower())
    return any(" ".join(said[-size:]) in signs.LABELS for size in (1, 2, 3))


NAMES = Names()
