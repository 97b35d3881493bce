"""Results of a program that nobody has read, by schema: nothing of it is executed or unpickled."""

import io
import json
import math
from collections.abc import Mapping
from typing import Any, Never

from cairn.jail.outcome import JailError

MOST = 1 << 20
"""Bytes of a file of numbers."""


class ResultError(JailError):
    """A result that is not what was asked for."""


def numbers(content: bytes, fields: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Named numbers out of a JSON object, each finite and within its bounds (inclusive).

    Names that nobody asked for are left out. Raises ResultError that says what is wrong.
    """
    found = plain(content)
    values = {}
    for name, (low, high) in fields.items():
        value = found.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ResultError(f"{name} must be a number, got {_short(value)}.")
        try:
            values[name] = float(value)
        except OverflowError:
            values[name] = math.inf
        if not (math.isfinite(values[name]) and low <= values[name] <= high):
            raise ResultError(f"{name} must lie in [{low:g}, {high:g}], got {values[name]:g}.")
    return values


def plain(content: bytes) -> dict[str, Any]:
    """A JSON object whose names are all different, without NaN or infinity."""
    if len(content) > MOST:
        raise ResultError(f"A result may take {MOST:,} bytes, this one takes {len(content):,}.")
    try:
        found = json.loads(
            content,
            parse_constant=_no_number,
            parse_float=_finite,
            object_pairs_hook=_different,
        )
    except (ValueError, RecursionError) as error:
        raise ResultError(f"A result must be a JSON object: {error}.") from None
    if not isinstance(found, dict):
        raise ResultError(f"A result must be a JSON object, got {_short(found)}.")
    return found


def array(content: bytes, shape: tuple[int, ...], low: float, high: float) -> Any:
    """A NumPy array (`.npy`) of just this shape, of plain numbers in [low, high]; as float64."""
    import numpy as np

    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        found_shape, _, kind = read(stream)
        if found_shape != shape:  # before a byte is set aside for it
            raise ResultError(f"An array must have the shape {shape}, got {found_shape}.")
        if kind.kind not in "fiub":
            raise ResultError(f"An array must hold plain numbers, got {kind}.")
        stream.seek(0)
        values = np.lib.format.read_array(stream, allow_pickle=False).astype(np.float64)
    except (ValueError, EOFError, OSError, SyntaxError) as error:
        raise ResultError(f"No array can be read: {error}.") from None
    if not bool(((values >= low) & (values <= high)).all()):  # false for NaN
        raise ResultError(f"All values of an array must lie in [{low:g}, {high:g}].")
    return values


def _no_number(text: str) -> Never:
    raise ValueError(f"{text[:40]} is no number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)


def _different(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _short(value: Any) -> str:
    return f"a {type(value).__name__}" if value is not None else "nothing"
