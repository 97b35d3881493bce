"""64-bit fingerprints of levels, to find equal ones without comparing every leaf."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree, UInt32

_LANES = (0x9E3779B9, 0x7FEB352D)


def fingerprint(levels: PyTree[Array]) -> UInt32[Array, "rows 2"]:
    """Two uint32 per row of a batch of levels; equal rows have equal fingerprints.

    Each word is scrambled together with its position and all are summed (Zobrist hashing), so
    unequal levels collide with chance 2^-64. A collision is for the caller to find out.
    """
    words = jnp.concatenate([_words(leaf) for leaf in jax.tree.leaves(levels)], axis=1)
    position = jnp.arange(words.shape[1], dtype=jnp.uint32) * jnp.uint32(0x85EBCA6B)
    lanes = [_scramble(_scramble(words + jnp.uint32(lane)) ^ position[None]) for lane in _LANES]
    return jnp.stack([lane.sum(axis=1, dtype=jnp.uint32) for lane in lanes], axis=1)


def _words(leaf: Array) -> UInt32[Array, "rows words"]:
    rows = leaf.reshape(leaf.shape[0], -1)
    if not jnp.issubdtype(rows.dtype, jnp.floating):
        return rows.astype(jnp.uint32)
    # 0.0 and -0.0 are equal, so they must share their bits.
    rows = jnp.where(rows == 0, jnp.zeros_like(rows), rows).astype(jnp.float32)
    return jax.lax.bitcast_convert_type(rows, jnp.uint32)


def _scramble(x: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """The finaliser of MurmurHash3: every input bit moves every output bit."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
