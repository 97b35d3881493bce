"""Pictures as PNG, small enough for a page that holds hundreds of them."""

import io

import numpy as np
from jaxtyping import UInt8

COLOURS = 256


def png(pixels: UInt8[np.ndarray, "rows columns 3"]) -> bytes:
    """A picture with a palette of at most 256 colours: a third of the bytes, and nothing to see."""
    from PIL import Image  # here, so that a page without pictures never loads it

    out = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()
