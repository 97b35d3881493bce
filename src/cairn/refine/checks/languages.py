"""Which language a text is in, by its letters and its most common words. Cautious: often None."""

import re
from collections import Counter

from cairn.refine.detectors.patterns import words

_COMMON = {
    "English": words("the and of to in is that it was for with you this have are not be on my"),
    "German": words("der die und das ist nicht ich ein zu mit den auf sie für von dem eine auch"),
    "French": words("le les et des est une pas que je vous dans pour qui sur avec au mais du"),
    "Spanish": words("el los y que una es por las con para como pero del su al más está yo"),
    "Italian": words("il che di non è una per sono con gli del della anche ma più nel alla ho"),
    "Portuguese": words("o os que não uma é por com para mas do da em um no na você ao foi"),
    "Dutch": words("de het een en van ik niet dat is je op te met zijn voor maar ook aan"),
    "Polish": words("i nie w na się że jest do to z jak ale co od za tak przez już dla"),
    "Swedish": words("och att det som en är på för med inte av har jag den till om ett men"),
}
_SCRIPTS = {
    "Cyrillic script": re.compile(r"[А-яЁё]"),
    "Greek script": re.compile(r"[Α-ω]"),
    "Arabic script": re.compile(r"[\u0600-\u06ff]"),
    "Hebrew script": re.compile(r"[\u0590-\u05ff]"),
    "Devanagari script": re.compile(r"[\u0900-\u097f]"),
    "Japanese": re.compile(r"[\u3040-\u30ff]"),
    "Korean": re.compile(r"[\uac00-\ud7af]"),
    "Chinese characters": re.compile(r"[\u4e00-\u9fff]"),
}
_LANGUAGES: dict[str, list[str]] = {}
for _name, _words in _COMMON.items():
    for _word in _words:
        _LANGUAGES.setdefault(_word, []).append(_name)
_WORD = re.compile(r"[^\W\d_]+")
_LEAST = 4
"""Common words that must be met."""


def language(text: str) -> str | None:
    """The language, or the script where it has few speakers' languages to choose from; None where
    neither is clear: half of the letters, or twice as many common words as of any other."""
    scripts = () if text.isascii() else _SCRIPTS.items()
    letters = sum(c.isalpha() for c in text) if scripts else 0
    for name, script in scripts:
        found = len(script.findall(text))
        if found * 2 > letters or (name == "Japanese" and found * 6 > letters):
            return name
    common = [name for word in _WORD.findall(text.lower()) if word in _LANGUAGES
              for name in _LANGUAGES[word]]  # fmt: skip
    if len(common) < _LEAST:
        return None
    first, second = [*Counter(common).most_common(2), ("", 0)][:2]
    return first[0] if first[1] >= _LEAST and first[1] >= 2 * second[1] else None
