"""Random keys as named streams: `fold_in(fold_in(root, name), counter)`.

A key depends on what it is for and on a counter that is part of the state, never on how many
keys were split before it. So a resumed run draws what the uninterrupted run would have drawn.
"""

import zlib

import jax
from jaxtyping import Array, Int, Key


def stream(root: Key[Array, ""], name: str, counter: Int[Array, ""] | int = 0) -> Key[Array, ""]:
    """The key for purpose `name` at step `counter`, derived from the run's root key."""
    # crc32 and not hash(): Python's string hash changes from process to process.
    return jax.random.fold_in(jax.random.fold_in(root, zlib.crc32(name.encode())), counter)
