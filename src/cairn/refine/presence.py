"""Is a value still in a text? Written otherwise it is still there: how the benchmark and the
report of a run count leaks.

Both sides are folded: compatibility forms (NFKC), look-alikes of other scripts, signs without
width, case and accents go, and what lies between letters and digits does not count. A value has to
begin and end where a word begins and ends, so that "Li" is not in "like". Names are also found with
their parts turned round ("Paz, Ana de"), and what holds letters also with digits in their place.

Kept apart from the checks that a refiner is held to, so that an error in one shows in the other.
A part of a value (a surname alone) does not count as the value.
"""

import re
import unicodedata

_ALIKE = dict(
    zip("асеіорхујѕԁһАВСЕНІКМОРТХЅΑΒΕΗΙΚΜΝΟΡΤΧΥΖο", "aceiopxyjsdhABCEHIKMOPTXSABEHIKMNOPTXYZo",
        strict=True)
)  # fmt: skip
"""Cyrillic and Greek letters that look Latin."""
_ALIKE_TABLE = str.maketrans(_ALIKE)
_LEET = str.maketrans("013457", "oieast")
LEET_FROM = 5
"""Signs from which a value is also looked for with digits for letters: shorter ones are met by
chance."""
_SIGNS = "\u3040-\u30ff\u3400-\u9fff"
"""Kana and ideographs, of which each counts as a word: nothing stands between them."""
_WORD = re.compile(rf"[{_SIGNS}]|[^\W_{_SIGNS}]+")


def folded(text: str) -> list[str]:
    """The words of a text, folded."""
    text = unicodedata.normalize("NFKC", text).translate(_ALIKE_TABLE).casefold()
    parts = unicodedata.normalize("NFKD", text)
    return _WORD.findall("".join(s for s in parts if unicodedata.category(s) not in ("Mn", "Cf")))


class Presence:
    """A text, folded once, in which values are looked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        words = folded(text)
        self._joined = "".join(words)
        self._leet = self._joined.translate(_LEET)
        self._starts, self._ends, at = set(), set(), 0
        for word in words:
            self._starts.add(at)
            at += len(word)
            self._ends.add(at)

    def __contains__(self, value: str) -> bool:
        return self.count(value) > 0

    def count(self, value: str) -> int:
        """How often the value stands in the text, in the form in which it stands most often."""
        words = folded(value)
        key = "".join(words)
        if not key:
            return self.text.count(value) if value else 0
        most = self._found(self._joined, key)
        if key.isdigit():
            return most
        if len(words) > 1 and key.isalpha():
            for turn in range(1, len(words)):
                most = max(most, self._found(self._joined, "".join(words[turn:] + words[:turn])))
        if len(key) >= LEET_FROM:
            most = max(most, self._found(self._leet, key.translate(_LEET)))
        return most

    def _found(self, text: str, key: str) -> int:
        count, at = 0, text.find(key)
        while at >= 0:
            whole = at in self._starts and at + len(key) in self._ends
            count += whole
            at = text.find(key, at + (len(key) if whole else 1))
        return count
