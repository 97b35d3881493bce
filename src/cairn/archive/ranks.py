"""Ranks kept in step with scores, without sorting: 0 for the best, ties to the lower slot."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def rerank(
    ranks: Int[Array, " K"],
    before: Float[Array, " K"],
    after: Float[Array, " K"],
    occupied: Bool[Array, " K"],
    slots: Int[Array, " B"],
    writes: Bool[Array, " B"],
) -> Int[Array, " K"]:
    """The ranks once scores are `after`, which differ at `slots` where `writes` (each once)."""
    K = after.shape[0]
    index = jnp.arange(K, dtype=jnp.int32)

    def overtakes(scores: Array) -> Array:
        of, place = scores[slots][:, None], slots[:, None]
        ahead = (of > scores[None]) | ((of == scores[None]) & (place < index[None]))
        return (ahead & writes[:, None]).sum(axis=0, dtype=jnp.int32)

    shifted = ranks + overtakes(after) - overtakes(before)
    mine = after[slots][:, None]
    beaten = (after[None] > mine) | ((after[None] == mine) & (index[None] < slots[:, None]))
    own = (beaten & occupied[None]).sum(axis=1, dtype=jnp.int32)
    ranks = jnp.where(occupied, shifted, ranks)
    return ranks.at[jnp.where(writes, slots, K)].set(own, mode="drop")


def move(
    ranks: Int[Array, " K"],
    scores: Float[Array, " K"],
    occupied: Bool[Array, " K"],
    slot: Int[Array, ""],
    score: Float[Array, ""],
) -> Int[Array, " K"]:
    """The ranks after `slot` (occupied or next to be) takes `score`: O(K)."""
    index = jnp.arange(ranks.shape[0], dtype=jnp.int32)
    others = occupied & (index != slot)
    old = scores[slot]
    was_ahead = occupied[slot] & ((old > scores) | ((old == scores) & (slot < index)))
    is_ahead = (score > scores) | ((score == scores) & (slot < index))
    shifted = ranks + is_ahead.astype(jnp.int32) - was_ahead.astype(jnp.int32)
    own = (others & ~is_ahead).sum(dtype=jnp.int32)
    return jnp.where(index == slot, own, jnp.where(others, shifted, ranks))
