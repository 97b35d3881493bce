"""Which token comes next: temperature, top-k and top-p, and one uniform number for each choice.

The log-probability given back is that of the distribution which was sampled from, after all
three: what an importance ratio needs (the full softmax is not what the token was drawn from).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

BLOCK = 128
"""Entries that are summed up to a token's own at once: the vocabulary is gone through by blocks."""

Number = float | Float[Array, "..."]
"""A constant of the program, or an argument of it: another value compiles nothing."""
Count = int | Int[Array, "..."]


class Chosen(NamedTuple):
    """A token for each row."""

    token: Int[Array, "*rows"]
    logp: Float[Array, "*rows"]
    """Under the distribution that was sampled from."""
    logp_model: Float[Array, "*rows"]
    """Under the model itself: temperature 1, nothing cut off."""


def choose(
    logits: Float[Array, "*rows V"],
    uniform: Float[Array, "*rows"],
    *,
    temperature: Number = 1.0,
    top_k: Count | None = None,
    top_p: Number | None = None,
) -> Chosen:
    """The token whose share of [0, 1) holds `uniform`; the likeliest one at temperature 0.

    First the temperature, then top-k, then top-p among what is left, as is usual; tokens of equal
    logit stay or go together. A token that was cut off is never chosen. `uniform` has 2²³ values,
    so chances below 10⁻⁷ are rounded.

    Args:
        logits: of the model, V tokens.
        uniform: in [0, 1).
        temperature: a number, or one a row; at 0 the chosen token had probability 1.
        top_k: how many may be chosen; 0 all of them. None leaves the code out.
        top_p: the likeliest tokens that together reach this share; 1 all of them. None likewise.
    """
    plain = isinstance(temperature, float | int) and temperature == 1
    heat = jnp.asarray(temperature, jnp.float32)
    scaled = logits if plain else logits / _column(jnp.where(heat > 0, heat, 1.0))
    top = jnp.max(scaled, axis=-1, keepdims=True)
    weights = jnp.exp(scaled - top)
    if top_k is not None or top_p is not None:
        weights = jnp.where(_kept(scaled, top_k, top_p), weights, 0.0)
    total = jnp.sum(weights, axis=-1)
    token = _inverted(weights, uniform * total)
    if not plain:
        token = jnp.where(heat > 0, token, jnp.argmax(logits, axis=-1).astype(jnp.int32))
    logp = _of(scaled, token) - top[..., 0] - jnp.log(total)
    if plain and top_k is None and top_p is None:
        return Chosen(token, logp, logp)
    logp_model = _of(logits, token) - jax.nn.logsumexp(logits, axis=-1)
    return Chosen(token, jnp.where(heat > 0, logp, 0.0), logp_model)


def _kept(
    scaled: Float[Array, "*rows V"], top_k: Count | None, top_p: Number | None
) -> Bool[Array, "*rows V"]:
    """Which tokens may be chosen: all down to the logit of the last one wanted."""
    size = scaled.shape[-1]
    ranked = jnp.sort(scaled, axis=-1, descending=True)
    wanted = jnp.ones(scaled.shape, bool)
    if top_k is not None:
        most = jnp.asarray(top_k, jnp.int32)
        most = jnp.where(most > 0, most, size)
        kth = jnp.minimum(jnp.broadcast_to(most, scaled.shape[:-1]), size) - 1
        # What is as likely as the last of them stays too.
        wanted = ranked >= jnp.take_along_axis(ranked, kth[..., None], axis=-1)
    if top_p is not None:
        share = _column(jnp.asarray(top_p, jnp.float32))
        ordered = jnp.where(wanted, jnp.exp(ranked - ranked[..., :1]), 0.0)
        before = jnp.cumsum(ordered, axis=-1) - ordered
        # The likeliest always stays; at 1 nothing goes, whatever was lost to rounding.
        enough = (before < share * jnp.sum(ordered, axis=-1, keepdims=True)) | (share >= 1)
        wanted &= enough.at[..., 0].set(True)
    last = jnp.sum(wanted, axis=-1, keepdims=True, dtype=jnp.int32) - 1
    return scaled >= jnp.take_along_axis(ranked, last, axis=-1)


def _inverted(weights: Float[Array, "*rows V"], target: Float[Array, "*rows"]) -> Array:
    """The first token at which the sum of the weights so far exceeds `target`."""
    size = weights.shape[-1]
    if size <= BLOCK:
        return _first(weights, target)[0]
    blocks = -(-size // BLOCK)
    spread = [(0, 0)] * (weights.ndim - 1) + [(0, blocks * BLOCK - size)]
    parts = jnp.pad(weights, spread).reshape(*weights.shape[:-1], blocks, BLOCK)
    block, before = _first(jnp.sum(parts, axis=-1), target)
    part = jnp.take_along_axis(parts, block[..., None, None], axis=-2)[..., 0, :]
    return block * BLOCK + _first(part, target - before)[0]


def _first(
    weights: Float[Array, "*rows n"], target: Float[Array, "*rows"]
) -> tuple[Int[Array, "*rows"], Float[Array, "*rows"]]:
    """The first place of weight above 0 whose sum exceeds `target`, and the sum before it.

    Sums are rounded, so the target may lie beyond the last: then it is the heaviest.
    """
    sums = _sums(weights)
    fits = (sums > target[..., None]) & (weights > 0)
    place = jnp.where(jnp.any(fits, axis=-1), jnp.argmax(fits, axis=-1), jnp.argmax(weights, -1))
    place = place.astype(jnp.int32)
    return place, _of(sums, place) - _of(weights, place)


def _sums(weights: Float[Array, "*rows n"]) -> Float[Array, "*rows n"]:
    size = weights.shape[-1]
    if size > BLOCK:
        return jnp.cumsum(weights, axis=-1)
    # A product with a triangle of ones is one operation, a scan has seven.
    ones = np.triu(np.ones((size, size), np.float32))
    return jnp.matmul(weights, ones, precision=jax.lax.Precision.HIGHEST)


def _of(values: Float[Array, "*rows n"], place: Int[Array, "*rows"]) -> Float[Array, "*rows"]:
    return jnp.take_along_axis(values, place[..., None], axis=-1)[..., 0]


def _column(number: Float[Array, "*rows"]) -> Array:
    return number[..., None] if number.ndim else number
