"""Whether a private value is still in a text, however it is written there."""

import re
import unicodedata
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property, lru_cache

from cairn.refine.detectors import forms
from cairn.refine.detectors.name_signs import NO_NAME
from cairn.refine.detectors.names import given_names
from cairn.refine.detectors.views import Edit, View

LONG = 7
"""Letters and digits from which a value is also looked for inside words, turned round, and with
digits for letters: shorter ones are met by chance."""
_LEET = str.maketrans("0134578@$!|l", "oieastbasiii")
_WORD = re.compile(r"[^\W_]+")
_RUN = re.compile(r"\d(?:[\W_]{0,3}\d)*+")
_MARKS = re.compile(r"[^\W_]|[@$!|]")


_GRAM = 4
"""Every run of `LONG` characters holds a whole one of the pieces of this length that a text is cut
into, wherever the run begins."""

_SHORT = 4000
"""Characters up to which a text is searched from its beginning: an index takes longer to make."""

Piece = tuple[str, int]
"""A piece of a text, and where it stands there."""


class _Index:
    """A text, and where its pieces stand, so that a value takes time in its own length alone, not
    in the text's: a document has as many values as it is long. A short one is read instead."""

    def __init__(self, whole: str, cut: Callable[[str], Iterable[Piece]]):
        self.whole = whole
        self.short = len(whole) <= _SHORT
        self._cut = cut

    @cached_property
    def places(self) -> "Mapping[str, array[int]]":
        """Where each piece stands."""
        places: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        for piece, at in self._cut(self.whole):
            places[piece].append(at)
        return places

    def holds(self, value: str, pieces: Iterable[Piece]) -> bool:
        """Whether the value is there, of which these are pieces that stand in the text as pieces
        wherever it does."""
        if self.short:
            return value in self.whole
        found = [(self.places.get(piece, ()), at) for piece, at in pieces]
        places, before = min(found, key=lambda one: len(one[0]))
        return any(p >= before and self.whole.startswith(value, p - before) for p in places)


def _words(text: str) -> Iterator[Piece]:
    return ((found[0], found.start()) for found in re.finditer(r"[^ ]+", text))


def _grams(text: str, start: int = 0) -> Iterator[Piece]:
    for at in range(start, len(text) - _GRAM + 1, _GRAM):
        yield text[at : at + _GRAM], at


class _Run(_Index):
    """An index of a text without words."""

    def __init__(self, whole: str):
        super().__init__(whole, _grams)

    def __contains__(self, value: str) -> bool:
        if self.short or len(value) < LONG:
            return value in self.whole
        return any(self.holds(value, _grams(value, start)) for start in range(_GRAM))


class Haystack:
    """A text, read in its other forms once, in which values are looked for."""

    def __init__(self, text: str):
        self.text = text
        folds = list(forms.folded(text))
        flat = View(text, folds).text if folds else text
        self.readings = [flat]
        for form, edits in forms.edits(flat).items():
            if edits and form != "grouped":  # `_digits` reads numbers without what groups them
                self.readings.append(View(flat, _apart(edits)).text)
        self.readings += [edit.new for edit in forms.decoded(flat)]

    @cached_property
    def _flat(self) -> list[str]:
        return [_flat(reading) for reading in self.readings]

    @cached_property
    def _lines(self) -> list[str]:
        """The words of each reading."""
        return [f" {' '.join(_WORD.findall(flat))} " for flat in self._flat]

    @cached_property
    def _words(self) -> _Index:
        return _Index(" \n ".join(self._lines), _words)

    @cached_property
    def _spelt(self) -> frozenset[str]:
        """The words as they are written."""
        return frozenset(word for reading in self.readings for word in _WORD.findall(reading))

    @cached_property
    def _joined(self) -> _Run:
        return _Run("\n".join(words.replace(" ", "") for words in self._lines))

    @cached_property
    def _leet(self) -> _Run:
        return _Run("\n".join(map(_unleet, self.readings)))

    @cached_property
    def _digits(self) -> _Run:
        """Runs of digits with little between them, apart from each other."""
        runs = (run for reading in self.readings for run in _RUN.findall(reading))
        return _Run(" ".join(re.sub(r"\D", "", run) for run in runs))

    def holds(self, value: str, kind: str = "") -> bool:
        """Whether the value is there: without regard to case, accents, blanks, punctuation and the
        grouping of digits, with digits for letters, backwards, encoded; a name also with its parts
        turned round, and a part of a name that is no plain word."""
        folds = list(forms.folded(value))
        words = _WORD.findall(_flat(View(value, folds).text if folds else value))
        joined = "".join(words)
        if not joined:
            return bool(value.strip()) and value in self.text
        if self._in_row(words):
            return True
        digits = "".join(c for c in joined if c.isdigit())
        if len(digits) >= LONG and len(digits) >= len(joined) - 2 and digits in self._digits:
            return True
        if kind == "PHONE_NUMBER" and len(digits) > 9 and digits[-9:] in self._digits:
            return True  # without its country's code
        if len(joined) >= LONG and self._inside(value, joined):
            return True
        return kind == "PERSON" and self._person(value, words)

    def _in_row(self, words: list[str]) -> bool:
        """Whether these words follow each other."""
        row = f" {' '.join(words)} "
        return self._words.holds(row, _words(row))

    def _inside(self, value: str, joined: str) -> bool:
        """Inside other words, backwards, or with digits for letters."""
        if joined in self._joined or joined[::-1] in self._joined:
            return True
        letters = sum(c.isalpha() for c in joined)
        return letters > len(joined) / 2 and _unleet(value) in self._leet

    def _person(self, value: str, words: list[str]) -> bool:
        for at in range(1, len(words)):
            if not self._in_row(words[at:] + words[:at]):
                continue
            # Turned round, with a comma or a blank between: the end of a sentence is none.
            turned = r"[\s,]+".join(map(re.escape, words[at:] + words[:at]))
            if any(re.search(rf"(?<![^\W_]){turned}(?![^\W_])", flat) for flat in self._flat):
                return True
        for part in _WORD.findall(value):
            name = len(part) > 3 and part[0].isupper() and part.casefold() not in _ambiguous()
            # With a capital, as it was: "baker" is no Baker.
            if name and (part in self._spelt or part.upper() in self._spelt):
                return True
        return False


@cache
def _ambiguous() -> frozenset[str]:
    """Names that are words as well, in lower case."""
    return frozenset(name.casefold() for name in given_names()[1] | NO_NAME)


def _apart(edits: Iterable[Edit]) -> list[Edit]:
    """Without edits that overlap."""
    kept: list[Edit] = []
    for edit in edits:
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
    return kept


def _flat(text: str) -> str:
    """In lower case, without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    if not plain.isascii():
        plain = "".join(c for c in plain if not unicodedata.combining(c))
    return plain


def _unleet(text: str) -> str:
    """Letters alone, with digits and signs read as the letters they stand for; l as i."""
    return "".join(_MARKS.findall(text.casefold())).translate(_LEET)


@lru_cache(8)
def haystack(text: str) -> Haystack:
    """The text, read once for all checks that look at it in a row."""
    return Haystack(text)
