"""The model: a transformer that sees a whole text and says of each piece whether it is to go.

It is the local transformer (`nn/language/transformer.py`) with every piece of a text visible to
every other; the last rows of its embedding are the tags, and a piece's tag is read off as the next
token of a language model would be. So all it computes is compiled, and its weights lie in the same
files as those of any other local model.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from cairn.nn.language import adamw
from cairn.nn.language.block import Shape
from cairn.nn.language.size import Size
from cairn.nn.language.transformer import Transformer
from cairn.refine.distill.pieces import BUCKETS


class Rows(NamedTuple):
    """Texts side by side in rows of one length."""

    ids: Int[Array, "B T"]
    segments: Int[Array, "B T"]
    """Which text of the row a piece belongs to, from 1; 0: none."""
    places: Int[Array, "B T"]
    """Of a piece in its text, from 0."""
    tags: Int[Array, "B T"]
    """0: stays; else 1 + the number of a kind."""


def shape(size: Size, kinds: int) -> Shape:
    """Of a model for so many kinds: its vocabulary are pieces, then tags."""
    return size.shape(BUCKETS + 1 + kinds)


def tag_logits(
    model: Transformer,
    ids: Int[Array, "B T"],
    segments: Int[Array, "B T"],
    places: Int[Array, "B T"],
) -> Float[Array, "B T tags"]:
    """Scores of every tag for every piece."""
    together: Bool[Array, "B T T"] = segments[:, :, None] == segments[:, None, :]
    hidden = model.hidden(ids, places, together)
    return jnp.einsum("btd,vd->btv", hidden, model.embed[BUCKETS:])


def loss(model: Transformer, rows: Rows) -> Float[Array, ""]:
    """Mean cross entropy of the tags over all pieces."""
    logits = tag_logits(model, rows.ids, rows.segments, rows.places)
    right = jnp.take_along_axis(jax.nn.log_softmax(logits), rows.tags[..., None], axis=-1)[..., 0]
    there = (rows.segments > 0).astype(right.dtype)
    return -jnp.sum(right * there) / jnp.maximum(jnp.sum(there), 1.0)


@eqx.filter_jit(donate="all-except-first")
def learn(
    rows: Rows,
    model: Transformer,
    moments: object,
    done: Int[Array, ""],
    highest: float,
    updates: int,
) -> tuple[Transformer, object, Float[Array, ""]]:
    """One update by AdamW; also the loss before it."""
    value, gradient = eqx.filter_value_and_grad(loss)(model, rows)
    rate = adamw.step_size(highest, 0.05, updates, done)
    moved = adamw.descend(model, gradient, moments, rate, 0.01, 1.0)
    return moved.model, moved.moments, value


@eqx.filter_jit
def chances(
    model: Transformer,
    ids: Int[Array, "B T"],
    segments: Int[Array, "B T"],
    places: Int[Array, "B T"],
) -> Float[Array, "B T tags"]:
    """The chance of every tag for every piece; the first is that it stays."""
    return jax.nn.softmax(tag_logits(model, ids, segments, places))
