"""Replacements that nobody owns, for the simulated refiner and for baselines: reserved ranges, card
and account numbers that fail their check digits, invented names."""

import random
import string
from collections.abc import Callable

from cairn.refine.detectors.checksums import luhn

_FIRST = ("Arvo", "Brisca", "Celwin", "Dorra", "Elvane", "Farric", "Gisla", "Hestor")
_LAST = ("Aldermoor", "Brackwell", "Cornavin", "Dunsley", "Everholt", "Fennimar", "Garrowby")


def stand_in(kind: str, draw: random.Random) -> str:
    """A value of this kind that is nobody's; `[KIND]` for a kind without one.

    Addresses of RFC 5737 and RFC 2606, telephone numbers 555-0100 to 555-0199.
    """
    make = _MAKE.get(kind)
    return f"[{kind}]" if make is None else make(draw)


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choices(string.digits, k=count))


def _card(four: str) -> str:
    """Ends in 1, or in 2 where 1 is the right check digit."""
    body = f"0000 0000 {four} 000"
    return body + ("2" if luhn(body.replace(" ", "") + "1") else "1")


_MAKE: dict[str, Callable[[random.Random], str]] = {
    "PERSON": lambda draw: f"{draw.choice(_FIRST)} {draw.choice(_LAST)}",
    "EMAIL_ADDRESS": lambda draw: f"{draw.choice(_FIRST).lower()}{_digits(draw, 4)}@example.org",
    "PHONE_NUMBER": lambda draw: f"555-01{_digits(draw, 2)}",
    "IP_ADDRESS": lambda draw: f"203.0.113.{draw.randrange(1, 255)}",
    "MAC_ADDRESS": lambda draw: f"00:00:5e:00:53:{draw.randrange(256):02x}",
    "CREDIT_CARD": lambda draw: _card(_digits(draw, 4)),
    "IBAN_CODE": lambda draw: f"XX00{_digits(draw, 16)}",
    "STREET_ADDRESS": lambda draw: f"{draw.randrange(1, 99)} Nowhere Lane, {draw.choice(_LAST)}",
    "DATE_OF_BIRTH": lambda draw: "1900-01-01",
    "USERNAME": lambda draw: f"user{_digits(draw, 5)}",
    "URL": lambda draw: f"https://example.net/{_digits(draw, 5)}",
}
