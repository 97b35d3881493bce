"""Invented words in the places of names, streets and dates of birth."""

import random
import re

from cairn.refine.detectors.patterns import words

_ONSETS = sorted(words("b d f g h k l m n p r s t v w br dr fl gr kl st tr"))
_CODAS = ("", "", "l", "n", "r", "s", "m", "th", "nd")


def alike(value: str, draw: random.Random) -> str:
    """Digits for digits, letters for letters, everything else as it is."""
    return "".join(_sign(c, draw) for c in value)


def _sign(sign: str, draw: random.Random) -> str:
    if sign.isdigit():
        return draw.choice("0123456789")
    if sign.islower():
        return draw.choice("bcdfghjkmnpqrstvwxz")
    return draw.choice("BCDFGHJKMNPQRSTVWXZ") if sign.isupper() else sign


def syllables(draw: random.Random, size: int) -> str:
    """A word that can be spoken, of `size` letters, with a capital."""
    word = ""
    while len(word) < size:
        word += draw.choice(_ONSETS) + draw.choice("aeiou") + draw.choice(_CODAS)
    return word[:size].capitalize()


_KEEP = words(
    "Street St Avenue Ave Road Rd Lane Ln Drive Dr Boulevard Blvd Court Ct Place Pl Square Sq Way "
    "Apt Suite Unit Flat Floor Box Calle Avenida Plaza Paseo Via Viale Piazza Corso Rua Am Im In "
    "An der dem den de la le du des del rue avenue boulevard place chemin PO P O bis ter nº n "
    "Terrace Close"
)
_TAILS = tuple(
    sorted(
        words("straße strasse str weg platz allee gasse ring damm ufer straat laan gracht plein"),
        key=len,
        reverse=True,
    )
)


def street(value: str, draw: random.Random) -> str:
    """Invented names and other numbers; the words that make it an address stay."""

    def other(match: re.Match[str]) -> str:
        word = match[0]
        if word in _KEEP:
            return word
        if word[0].isdigit() or (word.isupper() and len(word) > 1):
            fresh = alike(word, draw)
            return "1" + fresh[1:] if fresh[0] == "0" and word[0] != "0" else fresh
        tail = next((t for t in _TAILS if word.lower().endswith(t) and len(word) > len(t)), "")
        fresh = syllables(draw, max(3, len(word) - len(tail))) + tail
        return fresh if word[0].isupper() else fresh.lower()

    return re.sub(r"[^\W_]+", other, value)


_MONTHS = (
    "January February March April May June July August September October November December",
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
)


def birthday(value: str, draw: random.Random) -> str:
    """A day at most three years off, in the same notation."""

    def other(match: re.Match[str]) -> str:
        word = match[0]
        if word.isdigit():
            if len(word) == 4:
                return str(int(word) + draw.choice((-3, -2, -1, 1, 2, 3)))
            top = 12 if int(word) <= 12 else 28 if int(word) <= 31 else 99
            return f"{draw.randint(1, top):0{len(word)}d}"
        for line in _MONTHS:
            names = line.split()
            if word.lower() in (name.lower() for name in names):
                fresh = draw.choice(names)
                return fresh.upper() if word.isupper() else fresh
        return word

    return re.sub(r"\d+|[^\W\d_]+", other, value)
