"""Steps of answers: where they end, and what a reader of them says, step by step.

A step is a run of tokens of one number in `seg`. What a step is worth is told as progress, after
Setlur et al. 2024, arXiv:2410.08146: how much likelier a right end has become by it. So the parts
of an answer sum to what is thought of it at its end, and more steps are not more reward, as they
are where each right one is paid for itself.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


def ends(seg: Int[Array, "*b T"], length: Int[Array, "*b"]) -> Bool[Array, "*b T"]:
    """The last token of every step of an answer."""
    place = jax.lax.broadcasted_iota(jnp.int32, seg.shape, seg.ndim - 1)
    inside = place < length[..., None]
    last = place == length[..., None] - 1
    changes = jnp.concatenate(
        [seg[..., 1:] != seg[..., :-1], jnp.ones_like(last[..., :1])], axis=-1
    )
    return inside & (last | changes)


def first(flags: Bool[Array, "*b T"]) -> Int[Array, "*b"]:
    """Where the first one stands; T where there is none."""
    found = jnp.argmax(flags, axis=-1).astype(jnp.int32)
    return jnp.where(jnp.any(flags, axis=-1), found, flags.shape[-1])


def least(chance: Float[Array, "*b T"], at: Bool[Array, "*b T"]) -> Float[Array, "*b"]:
    """The lowest of an answer's steps, which end `at` these tokens; 0 without any. Lightman et al.
    2023, arXiv:2305.20050, compare it with the product."""
    lowest = jnp.min(jnp.where(at, chance, jnp.inf), axis=-1)
    return jnp.where(jnp.any(at, axis=-1), lowest, 0.0)


def progress(chance: Float[Array, "*b T"], at: Bool[Array, "*b T"]) -> Float[Array, "*b T"]:
    """At each step's last token how much higher it stands than the step before, the first against
    0; 0 at all other tokens. The sum is what is thought at the end."""
    place = jax.lax.broadcasted_iota(jnp.int32, at.shape, at.ndim - 1)
    seen = jax.lax.cummax(jnp.where(at, place, -1), axis=at.ndim - 1)
    before = jnp.concatenate([jnp.full_like(seen[..., :1], -1), seen[..., :-1]], axis=-1)
    known = jnp.take_along_axis(chance, jnp.maximum(before, 0), axis=-1)
    return jnp.where(at, chance - jnp.where(before >= 0, known, 0.0), 0.0)
