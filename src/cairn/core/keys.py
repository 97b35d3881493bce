"""Random keys as named streams: `fold_in(fold_in(root, name), counter)`.

A key depends on what it is for and on a counter that is part of the state, never on how many
keys were split before it. So a resumed run draws what the uninterrupted run would have drawn.
"""

import zlib

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key


def stream(root: Key[Array, ""], name: str, counter: Int[Array, ""] | int = 0) -> Key[Array, ""]:
    """The key for purpose `name` at step `counter`, derived from the run's root key."""
    # crc32 and not hash(): Python's string hash changes from process to process.
    return jax.random.fold_in(jax.random.fold_in(root, zlib.crc32(name.encode())), counter)


def uniforms(
    key: Key[Array, ""], first: Int[Array, ""] | int, steps: int, shape: tuple[int, ...] = ()
) -> Float[Array, "steps *shape"]:
    """Numbers in [0, 1) for the steps `first`, `first` + 1, ...: each step's hang on nothing else.

    So a stream may be drawn in pieces of any length. Of shape () it is `uniform(key, (T,))`, bit
    for bit: JAX's partitionable Threefry makes element t of the two words of `fold_in(key, t)`.
    """
    numbers = first + jnp.arange(steps, dtype=jnp.int32)
    keys = jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)
    if shape:
        return jax.vmap(lambda own: jax.random.uniform(own, shape))(keys)
    words = jax.random.key_data(keys)
    # As `jax.random.uniform`: 23 bits behind the point of a float in [1, 2), less 1.
    mantissa = ((words[:, 0] ^ words[:, 1]) >> jnp.uint32(9)) | jnp.uint32(0x3F800000)
    return jax.lax.bitcast_convert_type(mantissa, jnp.float32) - jnp.float32(1)
