"""Errors of a private map without what they quote of its records: a server may repeat a request."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from cairn.engine.map_items import Row
from cairn.lm.errors import LMError, scrubbed

WINDOW = 16
"""Characters in a row that a message and a record have in common: that is a quotation."""
LEFT_OUT = "(the rest repeats a record and is left out)"


def unquoted(error: LMError, rows: Iterable[Row]) -> LMError:
    """The error, of the same type, cut where its message begins to quote one of the records."""

    def shortened(text: str) -> str:
        words = " ".join(text.split())
        place = len(words)
        for row in rows:
            for said in _texts(json.loads(row.raw)):
                place = min(place, _quoted_at(words, " ".join(said.split())))
        return text if place >= len(words) else f"{words[:place]}{LEFT_OUT}"

    return scrubbed(error, shortened)


def _quoted_at(message: str, record: str) -> int:
    windows = range(max(0, len(message) - WINDOW + 1))
    return next((at for at in windows if message[at : at + WINDOW] in record), len(message))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
