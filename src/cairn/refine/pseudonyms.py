"""Consistent pseudonyms: the same value, the same pseudonym, keyed and one to one.

What replaces a value is drawn from HMAC-SHA256 of its kind and its normalised form, so no table is
needed to be consistent: the same key gives the same pseudonym in any process and any order. The
key of a document is derived from the key file's and the document's id; with `corpus` it is the same
for all documents. Without the key nobody can try out values; with it, the table of a document is
what `sealing.sealed` keeps and `sealing.opened` gives back.
"""

import random
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cairn.refine.detectors.combined import hidden
from cairn.refine.detectors.name_signs import PARTICLE
from cairn.refine.detectors.names import given_names
from cairn.refine.detectors.patterns import words
from cairn.refine.pseudonym_marks import marked
from cairn.refine.pseudonym_values import MAKERS, number, usual
from cairn.refine.pseudonym_words import syllables
from cairn.refine.sealing import derived
from cairn.refine.spans import Span, replaced

_UNISEX = sorted(
    words(
        "Alex Ari Ash Bailey Blair Bo Cameron Casey Charlie Chris Dana Devon Eden Ellis Emery Fern "
        "Finley Frankie Gale Harley Indigo Jamie Jody Jules Kai Kelly Kim Lee Logan Lou Mackenzie "
        "Marley Micah Nico Noel Oakley Ollie Pat Phoenix Quinn Remy Riley Robin Rory Sacha Sam "
        "Sasha Shay Sidney Skyler Stevie Tatum Toby Toni Val Wren Yael Alexis Leslie Dominique "
        "Frankie Morgan Tracy Valentine"
    )
)
"""Given names of any gender, so that no pronoun of the text turns wrong."""
_CHINESE = "王李张刘陈杨赵黄周吴", "安平文华明志伟丽芳静"
_CYRILLIC = str.maketrans(
    "abdefghiklmnoprstuvwBDFGHKLMNPRSTVW", "абдефгхиклмнопрстуввБДФГХКЛМНПРСТВВ"
)
_PARTICLES = re.compile(PARTICLE + r"|[^\W\d_]\.")
_LETTERS, _SEPARATORS = re.compile(r"[^\W\d_]+"), re.compile(r"[\W_]")
_TRIES = 200
_RANGES = ("IP_ADDRESS", "MAC_ADDRESS", "PHONE_NUMBER")
"""Kinds whose pseudonyms are of ranges kept for examples, which may be used up."""


class TooManyValuesError(Exception):
    """A text has about as many values of a kind as there are pseudonyms for it."""


def normal(kind: str, value: str) -> str:
    """What counts as the same value: without case, blanks and separators; names word by word."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    if kind == "PERSON":
        return " ".join(_LETTERS.findall(folded))
    if kind == "EMAIL_ADDRESS":
        return "".join(folded.split())
    if kind in ("SECRET", "PASSWORD", "CRYPTO"):
        return value  # here case is part of the value
    return _SEPARATORS.sub("", folded)


@dataclass(frozen=True)
class Pseudonyms:
    """Makes the tables of documents."""

    key: bytes
    """Of the key file (`sealing.read_key`)."""
    corpus: bool = False
    """Whether a value has one pseudonym in all documents, not one in each. Then a document that
    links to another still does; and who learns one pseudonym knows it everywhere."""

    def table(self, text: str, spans: Iterable[Span], *, document: str = "") -> dict[str, str]:
        """Each value that the spans show, as it is written, with its pseudonym.

        One to one within the document, and no pseudonym occurs in the text or is another real
        value of it. Raises TooManyValuesError where a range that is kept for examples is used up
        (256 MAC addresses, 762 of IPv4). Where chance would have it so, the next draw is taken,
        which depends on the document: across a corpus such a value (one in thousands) has two
        pseudonyms.
        """
        key = self.key if self.corpus else derived(self.key, "document", document)
        return _Making(key, text, list(spans)).table()


class _Making:
    """One table under way."""

    def __init__(self, key: bytes, text: str, spans: list[Span]):
        self.key = key
        self.text = text
        self.folded = text.casefold()
        self.spans = sorted(spans)
        self.words = set(_LETTERS.findall(self.folded))
        self.taken: set[str] = set()
        self.made: dict[tuple[str, str], str] = {}
        self.parts: dict[str, str] = {}
        self.last = self._last_names()

    def table(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for span in sorted(self.spans, key=lambda s: (s.kind != "PERSON", s.start)):
            value = self.text[span.start : span.end]
            if value and value not in found:
                make = self._person if span.kind == "PERSON" else self._other
                found[value] = make(span.kind, value, hidden(span))
        return found

    def _last_names(self) -> set[str]:
        """Words that end a name of several parts."""
        last = set()
        for span in self.spans:
            parts = normal("PERSON", self.text[span.start : span.end]).split()
            if span.kind == "PERSON" and len(parts) > 1:
                last.add(parts[-1])
        return last

    def _draw(self, kind: str, what: str, attempt: int) -> random.Random:
        digest = derived(self.key, kind, what, str(attempt))
        return random.Random(int.from_bytes(digest, "big"))

    def _other(self, kind: str, value: str, disguised: bool) -> str:
        same = (kind, normal(kind, value))
        make = MAKERS.get(kind, number)
        shown = usual(kind, value) if disguised else value
        for attempt in range(_TRIES):
            fresh = make(shown, self._draw(*same, attempt))
            if same not in self.made and not self._free(kind, fresh):
                continue
            # The same value in another notation: the same draw, in that notation.
            if self.made.setdefault(same, normal(kind, fresh)) == normal(kind, fresh):
                self.taken.add(normal(kind, fresh))
                return fresh
        fresh = f"{make(shown, self._draw(*same, 0))}{len(self.made)}"
        # A digit more is no address.
        if kind in _RANGES or marked(kind, fresh) is False or normal(kind, fresh) in self.taken:
            raise TooManyValuesError
        self.taken.add(normal(kind, fresh))
        return fresh

    def _free(self, kind: str, fresh: str) -> bool:
        """Whether it is nobody's, is no other's pseudonym, and does not occur in the text."""
        told = normal(kind, fresh)
        short = len(told) < 4  # 1990 or a house's number: its digits occur anywhere
        return (
            marked(kind, fresh) is not False
            and told not in self.taken
            and (short or fresh.casefold() not in self.folded)
        )

    def _person(self, kind: str, value: str, disguised: bool) -> str:
        if disguised:  # nothing of it may be read back
            draw = self._draw(kind, normal(kind, value) or value, 0)
            return f"{draw.choice(_UNISEX)} {self._fresh(syllables(draw, 7), value.casefold())}"
        if not re.search(r"[A-Za-zÀ-ɏА-я]", value):
            return self._elsewhere(value)
        pieces = re.split(r"([ \xa0,]+)", value)
        fresh = [
            piece if at % 2 or not piece or _PARTICLES.fullmatch(piece) else self._part(piece)
            for at, piece in enumerate(pieces)
        ]
        out = [
            self._initial(piece) if re.fullmatch(r"[^\W\d_]\.", piece) else piece for piece in fresh
        ]
        return "".join(out)

    def _part(self, piece: str) -> str:
        """A given name for a given name, an invented surname of about the length for another."""
        core = piece.strip("'’.")
        low = core.casefold()
        if low not in self.parts:
            self.parts[low] = self._fresh(core, low)
        fresh = self.parts[low]
        return fresh.upper() if core.isupper() and len(core) > 1 else fresh

    def _fresh(self, core: str, low: str) -> str:
        given = low not in self.last and core.title().split("-")[0] in given_names()[0]
        near = [name for name in _UNISEX if abs(len(name) - len(core)) <= 2] or _UNISEX
        fresh = ""
        for attempt in range(_TRIES):
            draw = self._draw("PERSON", low, attempt)
            if given and attempt < _TRIES // 2:
                fresh = draw.choice(near)
            else:
                fresh = syllables(draw, min(max(len(core) + draw.randint(-1, 1), 3), 14))
            if fresh.casefold() not in self.words and fresh.casefold() not in self.taken:
                break
        self.taken.add(fresh.casefold())
        return fresh.translate(_CYRILLIC) if re.search(r"[А-я]", core) else fresh

    def _initial(self, piece: str) -> str:
        draw = self._draw("PERSON", piece.casefold(), 0)
        return draw.choice([c for c in "ABCDEFGHJKLMNPRSTW" if c != piece[0].upper()]) + "."

    def _elsewhere(self, value: str) -> str:
        """A name in a script without capitals: a common surname and other signs behind it."""
        fresh = ""
        for attempt in range(_TRIES):
            draw = self._draw("PERSON", value, attempt)
            fresh = draw.choice(_CHINESE[0])
            fresh += "".join(draw.choices(_CHINESE[1], k=max(1, len(value) - 1)))
            if fresh not in self.taken and fresh not in self.text:
                break
        self.taken.add(fresh)
        return fresh


def pseudonymized(text: str, spans: Iterable[Span], table: Mapping[str, str]) -> str:
    """The text with each span's value replaced; `[KIND]` where the table has none."""
    return replaced(text, spans, lambda s: table.get(text[s.start : s.end], f"[{s.kind}]"))


def completed(
    table: Mapping[str, str], text: str, spans: Iterable[Span], key: bytes
) -> dict[str, str]:
    """A table with pseudonyms for what it lacks, as far as there are any: for who has no run's."""
    missing = [span for span in spans if text[span.start : span.end] not in table]
    try:
        return {**Pseudonyms(key).table(text, missing), **table} if missing else dict(table)
    except TooManyValuesError:
        return dict(table)
