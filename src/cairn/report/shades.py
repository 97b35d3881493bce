"""Colours for figures: from dark blue to bright yellow, told apart by the colour-blind too.

Viridis (Smith & van der Walt 2015), by 17 of its colours: lightness rises all the way.
"""

import base64
import struct
import zlib

import numpy as np
from jaxtyping import Float, Int, UInt8

SHADES = 255
_ANCHORS = (
    "44015448186a472d7b4240863b528b33638d2c728e26828e21918c1fa08828ae803fbc735ec96284d44baddc30"
    "d8e219fde725"
)


def _palette() -> UInt8[np.ndarray, "shades 3"]:
    anchors = np.frombuffer(bytes.fromhex(_ANCHORS), np.uint8).reshape(-1, 3)
    at, places = np.linspace(0, 1, SHADES), np.linspace(0, 1, len(anchors))
    return np.rint([np.interp(at, places, column) for column in anchors.T]).T.astype(np.uint8)


PALETTE = _palette()
HEX = tuple("#" + bytes(shade).hex() for shade in PALETTE)


def shade_of(shares: Float[np.ndarray, "*n"]) -> Int[np.ndarray, "*n"]:
    """The number of each share's shade; -1 where there is none."""
    known = np.isfinite(shares)
    kept = np.where(known, np.clip(shares, 0, 1), 0.0)
    return np.where(known, np.rint(kept * (SHADES - 1)), -1).astype(np.int64)


def png(shares: Float[np.ndarray, "rows columns"]) -> bytes:
    """A picture with a pixel for each share, the first row at its top; clear where none is."""
    rows, columns = shares.shape
    pixels = (shade_of(shares) + 1).astype(np.uint8)
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels], axis=1)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"\0\0\0" + PALETTE.tobytes()),
            _chunk(b"tRNS", b"\0"),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def data_uri(image: bytes) -> str:
    """An image as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(image).decode()}"


def _chunk(kind: bytes, held: bytes) -> bytes:
    return struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held))
