"""How a value is written so that who looks for it may miss it.

Each disguise is a function of value, language and a generator; what it gives stands in the text.
"""

import base64
import random
from collections.abc import Callable

ZERO_WIDTH = "\u200b"
HOMOGLYPHS = dict(zip("aceiopxyABCEHKMOPTX", "асеіорхуАВСЕНКМОРТХ", strict=True))
"""Latin letters and the Cyrillic ones that look the same."""
WORDS = {
    "en": "zero one two three four five six seven eight nine",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
}
SIGNS = {"en": (" at ", " dot "), "de": (" at ", " Punkt "), "fr": (" arobase ", " point "),
         "es": (" arroba ", " punto ")}  # fmt: skip


def words(value: str, language: str, draw: random.Random) -> str:
    """Digits as words; what is between them is left out."""
    names = WORDS[language].split()
    return " ".join(names[int(sign)] for sign in value if sign in "0123456789")


def spaced(value: str, language: str, draw: random.Random) -> str:
    """A space after every sign, or between groups of two and three."""
    plain = value.replace(" ", "")
    if draw.random() < 0.5:
        return " ".join(plain)
    width = draw.choice((2, 3))
    return " ".join(plain[at : at + width] for at in range(0, len(plain), width))


def homoglyph(value: str, language: str, draw: random.Random) -> str:
    """Some Latin letters, at least one where there is one, as their Cyrillic twins."""
    places = [at for at, sign in enumerate(value) if sign in HOMOGLYPHS]
    chosen = set(draw.sample(places, (len(places) + 1) // 2))
    return "".join(HOMOGLYPHS[sign] if at in chosen else sign for at, sign in enumerate(value))


def zero(value: str, language: str, draw: random.Random) -> str:
    """Signs without width in two places."""
    for at in sorted(draw.sample(range(1, len(value)), 2), reverse=True):
        value = value[:at] + ZERO_WIDTH + value[at:]
    return value


def at(value: str, language: str, draw: random.Random) -> str:
    """An address with its signs as words."""
    sign, dot = SIGNS[language]
    return value.replace("@", sign).replace(".", dot)


def plus(value: str, language: str, draw: random.Random) -> str:
    """A string cut in two by code that joins it again."""
    cut = draw.randrange(3, len(value) - 2)
    return f'{value[:cut]}" + "{value[cut:]}'


def grouped(value: str, language: str, draw: random.Random) -> str:
    """Groups of four with dashes between."""
    return "-".join(value[at : at + 4] for at in range(0, len(value), 4))


def leet(value: str, language: str, draw: random.Random) -> str:
    """Digits in the place of letters."""
    return value.translate(str.maketrans("oieastOIEAST", "013457013457"))


DISGUISES: dict[str, Callable[[str, str, random.Random], str]] = {
    "words": words,
    "spaced": spaced,
    "homoglyph": homoglyph,
    "zero": zero,
    "at": at,
    "plus": plus,
    "grouped": grouped,
    "leet": leet,
    "upper": lambda value, language, draw: value.upper(),
    "reversed": lambda value, language, draw: ", ".join(reversed(value.split(" ", 1))),
    "base64": lambda value, language, draw: base64.b64encode(value.encode()).decode(),
}
