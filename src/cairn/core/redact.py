"""Secrets that cannot be printed, and text with every trace of them taken out."""

import json
import os
import re
from collections.abc import Iterable
from functools import cache
from typing import NoReturn
from urllib.parse import quote

from cairn.core.errors import ConfigError

MASK = "[redacted]"
SHORTEST = 8
"""Characters. A shorter secret cannot be told apart from ordinary words in an answer."""

# A credential that is not ours (a proxy's, say) can still be echoed by a server's error page. But
# answers go through here too, and prose has "basic principles" and "bearer certificates": without
# the header's name it takes a long word with a digit in it. One that says EXAMPLE is nobody's: it
# stands in a manual, or in the place of one that was taken out. That word is in capitals and in the
# credential itself: many hosts and users have "example" in their names.
_CREDENTIAL = r"\s+(?![\w.~+/=-]{0,20}(?-i:EXAMPLE))"
_HEADER = re.compile(
    r"""(?i)\b(authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token))"""
    rf"""{_CREDENTIAL}[\w.~+/=:-]{{8,}}"""
)
_SCHEME = re.compile(rf"(?i)\b(bearer|basic){_CREDENTIAL}(?=\S*\d)[\w.~+/=-]{{20,}}")


class Secret:
    """A string that shows itself only to `reveal()`: not to repr, str, format or pickle."""

    __slots__ = ("_value",)

    def __init__(self, value: str):
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the one line that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: read it again from its environment variable")


def read_secret(variable: str, *, needed_by: str) -> Secret:
    """The secret in environment variable `variable`.

    Raises ConfigError if it is missing, too short to be kept out of the records, or not one line
    of printable ASCII. The value itself is never part of the message.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(
            f"{needed_by} needs a key in the environment variable {variable}, which is not set. "
            f"Set it (export {variable}=...), or leave the field out for a server without keys."
        )
    if len(value) < SHORTEST:
        raise ConfigError(
            f"the key in {variable} has {len(value)} characters; fewer than {SHORTEST} cannot be "
            f"told apart from ordinary text and kept out of the records. "
            f"Leave {needed_by} out if the server needs no key."
        )
    if not (value.isascii() and value.isprintable() and " " not in value):
        raise ConfigError(f"the key in {variable} must be one word of printable ASCII")
    return Secret(value)


def encodable(text: str) -> str:
    """`text` with a question mark for each half of a character.

    A server that cuts an emoji in two sends one; no file and no console can take it.
    """
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


_CONTROLS = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
"""C0 and DEL to the pictures that Unicode has of them: ESC becomes \u241b."""
_HEX = [*range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
"""C1, which some terminals obey as they do ESC, line separators, and what reorders a line."""
_VISIBLE: dict[int, int | str] = {
    **_CONTROLS,
    **{code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _HEX},
}


def printable(text: str, *, keep: str = "\n\t") -> str:
    """`text` as any terminal, page or table can show it, whoever wrote it.

    Control characters are made visible, so that none moves a cursor, recolours a line or reorders
    one; those in `keep` stay. A carriage return before a line feed is dropped.
    """
    return encodable(text).replace("\r\n", "\n").translate(_table(keep))


@cache
def _table(keep: str) -> dict[int, int | str]:
    return {code: shown for code, shown in _VISIBLE.items() if chr(code) not in keep}


class Redactor:
    """Takes secrets out of text: `redactor(text)`.

    Covers each secret as it is, as JSON escapes it and as a URL quotes it, and what looks like
    the credential of an Authorization header. Ordinary prose comes through unchanged.
    """

    def __init__(self, secrets: Iterable[Secret] = ()):
        forms: set[str] = set()
        for secret in secrets:
            value = secret.reveal()
            forms |= {value, json.dumps(value)[1:-1], quote(value, safe="")}
        # Longest first, so that a secret that contains another leaves no remainder.
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` without the secrets."""
        if not text:
            return text
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        lowered = text.lower()
        if "bearer" in lowered or "basic" in lowered or "authorization" in lowered:
            for pattern in (_HEADER, _SCHEME):
                text = pattern.sub(lambda match: f"{match[1]} {MASK}", text)
        return text

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def also(self, other: "Redactor") -> "Redactor":
        """A redactor that takes out the secrets of both."""
        both = Redactor()
        both._forms = sorted({*self._forms, *other._forms}, key=len, reverse=True)
        return both
