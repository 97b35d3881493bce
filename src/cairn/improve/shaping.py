"""Rewards for length and repetition, counted in tokens.

The reference of the soft punishment counts characters (tunix), and that of repetition divides by
the number of n-grams, which is none in an answer shorter than n; neither is repeated here.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Lengths = Int[Array, "*batch"]


def overlong(length: Lengths, limit: int, window: int) -> Float[Array, "*batch"]:
    """Soft punishment of answers too long, in [-1, 0]: 0 up to `limit` - `window` tokens, then
    down in a straight line to -1 at `limit` and beyond. DAPO: Yu et al. 2025, arXiv:2503.14476,
    equation 13."""
    over = (length - (limit - window)).astype(jnp.float32)
    return -jnp.clip(over / max(window, 1), 0.0, 1.0)


def cosine(length: Lengths, limit: int, *, short: float, long: float) -> Float[Array, "*batch"]:
    """`short` at length 0, `long` at the limit, along half a cosine between.

    Correct answers get more for being short, wrong ones less: the caller asks twice. Yeo et al.
    2025, arXiv:2502.03373, §4.2.
    """
    share = jnp.clip(length.astype(jnp.float32) / limit, 0.0, 1.0)
    return long + 0.5 * (short - long) * (1.0 + jnp.cos(jnp.pi * share))


def repetition(
    tokens: Int[Array, " T"], length: Int[Array, ""], n: int, most: float
) -> Float[Array, ""]:
    """`most` times the share of n-grams that came before: 0 if all differ, or if there are none."""
    starts = tokens.shape[0] - n + 1
    if starts < 1:
        return jnp.zeros(())
    grams = jnp.stack([tokens[i : starts + i] for i in range(n)], axis=1)
    place = jnp.arange(starts, dtype=jnp.int32)
    there = place <= length - n
    same = jnp.all(grams[:, None] == grams[None], axis=2)
    earlier = same & there[None] & (place[None] < place[:, None])
    repeated = jnp.sum((jnp.any(earlier, axis=1) & there).astype(jnp.float32))
    total = jnp.sum(there.astype(jnp.float32))
    return most * repeated / jnp.maximum(total, 1.0)


def repetitions(
    tokens: Int[Array, "P G T"], length: Int[Array, "P G"], n: int, most: float
) -> Float[Array, "P G"]:
    """`repetition` of every answer."""
    one = lambda tokens, length: repetition(tokens, length, n, most)  # noqa: E731
    return jax.vmap(jax.vmap(one))(tokens, length)
