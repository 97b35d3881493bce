"""Rows of symbols with gaps in them, closed towards either end; and hashes of such rows."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, UInt32

from cairn.core.vocabulary import EOS, PAD

GOLDEN = 0x9E3779B9
"""2^32 over the golden ratio: multiples of it lie far apart."""


def left_aligned(
    ids: Int[Array, " N"], kept: Bool[Array, " N"], room: int
) -> Int[Array, " {room}"]:
    """Those that are kept, in their order, from the left; padding behind. Too many are cut."""
    place = jnp.where(kept, jnp.cumsum(kept, dtype=jnp.int32) - 1, room)
    return jnp.full(room, PAD, jnp.int32).at[place].set(ids.astype(jnp.int32), mode="drop")


def right_aligned(
    ids: Int[Array, " N"], kept: Bool[Array, " N"]
) -> tuple[Int[Array, " N"], Int[Array, ""]]:
    """Those that are kept, in their order, at the right end; and how many they are."""
    number, room = kept.sum(dtype=jnp.int32), ids.shape[0]
    place = jnp.where(kept, room - number + jnp.cumsum(kept, dtype=jnp.int32) - 1, room)
    row = jnp.full(room, PAD, jnp.int32).at[place].set(ids.astype(jnp.int32), mode="drop")
    return row, number


def ended(tokens: Int[Array, " T"], length: Int[Array, ""]) -> Bool[Array, ""]:
    """Whether an answer's last token, and no other, is EOS."""
    where = (tokens == EOS) & (jnp.arange(tokens.shape[0]) < length)
    return (where.sum() == 1) & (jnp.argmax(where) == length - 1)


def until(wrong: Bool[Array, " T"]) -> Bool[Array, " T"]:
    """True until the first that is wrong."""
    return jnp.cumsum(wrong, dtype=jnp.int32) == 0


def mix(number: UInt32[Array, "*shape"]) -> UInt32[Array, "*shape"]:
    """A permutation of uint32 in which every bit moves every other: MurmurHash3's last step."""
    number = (number ^ (number >> 16)) * jnp.uint32(0x85EBCA6B)
    number = (number ^ (number >> 13)) * jnp.uint32(0xC2B2AE35)
    return number ^ (number >> 16)


def digest(
    numbers: Int[Array, "*shape"] | UInt32[Array, "*shape"],
    kept: Bool[Array, "*shape"] | None = None,
) -> UInt32[Array, ""]:
    """Hash of an array's numbers where they are kept: another one for another order."""
    flat = numbers.astype(jnp.uint32).ravel()
    place = jnp.arange(1, flat.shape[0] + 1, dtype=jnp.uint32) * jnp.uint32(GOLDEN)
    each = mix(mix(flat) + place)
    return mix((each if kept is None else jnp.where(kept.ravel(), each, 0)).sum(dtype=jnp.uint32))


def unordered(
    rows: UInt32[Array, " N"], kept: Bool[Array, " N"] | None = None
) -> UInt32[Array, ""]:
    """Hash of numbers where they are kept, whatever their order."""
    each = mix(rows + jnp.uint32(GOLDEN))
    return mix((each if kept is None else jnp.where(kept, each, 0)).sum(dtype=jnp.uint32))
