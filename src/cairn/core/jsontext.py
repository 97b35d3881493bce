"""JSON texts that this package writes and reads back, millions of times in a run.

`json.dumps` with any option builds an encoder each time, and `json.loads` looks for a byte order
mark and for white space. What is written here has neither.
"""

import json
from collections.abc import Callable
from json.encoder import JSONEncoder, encode_basestring
from typing import Any

_open: dict[int, Any] = {}
"""Containers that are being encoded, by id: one that holds itself is noticed."""
_slow = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _encoder() -> Callable[[Any, int], Any] | None:
    make: Any = getattr(json.encoder, "c_make_encoder", None)  # Python may lack its C modules
    if make is None:
        return None
    return make(_open, _slow.default, encode_basestring, None, ":", ",", False, False, False)


_encode = _encoder()
_decoder: Any = json.JSONDecoder()
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once


def compact(value: Any) -> str:
    """The JSON text of a value, without spaces; raises TypeError or ValueError (NaN, a circle)."""
    if _encode is None:
        return _slow.encode(value)
    try:
        return "".join(_encode(value, 0))
    except BaseException:
        _open.clear()  # or what was open would be taken for part of a circle later
        raise


def parse(text: str | bytes) -> Any:
    """The value of a JSON text, fastest as `compact` writes it; raises ValueError."""
    try:
        plain = text if isinstance(text, str) else text.decode()
        value, end = _scan(plain, 0)
        if end == len(plain):
            return value
    except (StopIteration, UnicodeDecodeError):
        pass
    return json.loads(text)  # which says what is wrong with it, or bears with white space
