"""Attention as Llama has it: places of tokens, rotary embedding, who sees whom.

Queries come in groups that share a key and a value (Ainslie et al. 2023, arXiv:2305.13245), so
they have the axes (key head K, query in its group R, width d). A place is a number that the
rotary embedding turns by (Su et al. 2021, arXiv:2104.09864), in the half-split layout of Hugging
Face's checkpoints.
"""

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

NEVER = -1e30
"""Score of what may not be seen. Finite: a row that sees nothing is then uniform and not NaN."""


@dataclasses.dataclass(frozen=True)
class Llama3Scaling:
    """Slower rotation for longer texts (Llama 3.1, `rope_type: llama3`).

    Wavelengths beyond `original / low` turn `factor` times slower, those below `original / high`
    as before, and between them it goes smoothly.
    """

    factor: float = 8.0
    low: float = 1.0
    high: float = 4.0
    original: int = 8192
    """Longest text of the first training, in tokens."""


class Places(NamedTuple):
    """Where each token stands and which tokens it sees."""

    positions: Int[Array, "*B T"]
    allowed: Bool[Array, "*B T T"]


class Turn(NamedTuple):
    """By what angle each token's pairs are turned."""

    cos: Float[Array, "*B half"]
    sin: Float[Array, "*B half"]


def causal(total: int) -> Places:
    """Tokens 0 to T - 1, each of which sees itself and those before it."""
    at = jnp.arange(total, dtype=jnp.int32)
    return Places(at, at[:, None] >= at[None, :])


def left_padded(lengths: Int[Array, " *B"], total: int) -> Places:
    """Texts of `lengths` tokens at the right end of T places; what is before is seen by none."""
    at = jnp.arange(total, dtype=jnp.int32)
    before = (total - lengths)[..., None]
    ahead = jnp.expand_dims(at, range(lengths.ndim))
    seen = ahead >= before
    line = jnp.expand_dims(causal(total).allowed, range(lengths.ndim))
    return Places(jnp.maximum(ahead - before, 0), line & seen[..., None, :])


def packed(segments: Int[Array, "*B T"]) -> Places:
    """Texts one after another in a row: places begin anew with each, and none sees another.

    `segments` numbers the texts of a row, each one's tokens side by side.
    """
    total = segments.shape[-1]
    at = jnp.expand_dims(jnp.arange(total, dtype=jnp.int32), range(segments.ndim - 1))
    first = jnp.ones_like(segments[..., :1], bool)
    begins = jnp.concatenate([first, segments[..., 1:] != segments[..., :-1]], axis=-1)
    start = jax.lax.cummax(jnp.where(begins, at, 0), axis=segments.ndim - 1)
    line = jnp.expand_dims(causal(total).allowed, range(segments.ndim - 1))
    return Places(at - start, line & (segments[..., :, None] == segments[..., None, :]))


def frequencies(width: int, theta: float, scaling: Llama3Scaling | None) -> np.ndarray:
    """Radians a place of the `width / 2` pairs: `theta^(-2i / width)`, scaled if asked."""
    plain = 1.0 / theta ** (np.arange(0, width, 2, dtype=np.float64) / width)
    if scaling is None:
        return plain.astype(np.float32)
    turns = scaling.original * plain / (2 * math.pi)  # of the whole first context
    smooth = np.clip((turns - scaling.low) / (scaling.high - scaling.low), 0.0, 1.0)
    return ((1 - smooth) * plain / scaling.factor + smooth * plain).astype(np.float32)


def turn(heads: Float[Array, "*B K R d"], by: Turn) -> Float[Array, "*B K R d"]:
    """Rotate each pair (i, i + d/2) by its angle."""
    cos, sin = (part[..., None, None, :].astype(heads.dtype) for part in by)
    one, two = jnp.split(heads, 2, axis=-1)
    return jnp.concatenate([one * cos - two * sin, two * cos + one * sin], axis=-1)


def attend(
    queries: Float[Array, "*B T K R d"],
    keys: Float[Array, "*B S K d"],
    values: Float[Array, "*B S K d"],
    allowed: Bool[Array, "*B T S"],
) -> Float[Array, "*B T K R d"]:
    """Values weighted by `softmax(q · k)` over what each query may see."""
    scores = _scores("...tkrd,...skd->...krts", queries, keys)
    scores = jnp.where(allowed[..., None, None, :, :], scores, NEVER)
    weights = jax.nn.softmax(scores, axis=-1).astype(values.dtype)
    return jnp.einsum("...krts,...skd->...tkrd", weights, values)


def attend_both(
    queries: Float[Array, "P G T K R d"],
    prefix: tuple[Float[Array, "P Tp K d"], Float[Array, "P Tp K d"]],
    seen: Bool[Array, "P Tp"],
    own: tuple[Float[Array, "P G S K d"], Float[Array, "P G S K d"]],
    allowed: Bool[Array, "#P T S"],
) -> Float[Array, "P G T K R d"]:
    """As `attend`, over a prefix that G texts share and over each text's own tokens.

    One softmax over both: scores are concatenated, the prefix's keys and values never are.
    """
    # Axes in the order in which matrix products leave them: only the texts' own scores are turned.
    shared = _scores("pgtkrd,pskd->pkgtrs", queries, prefix[0])
    alone = jnp.swapaxes(_scores("pgtkrd,pgskd->pgktrs", queries, own[0]), 1, 2)
    shared = jnp.where(seen[:, None, None, None, None, :], shared, NEVER)
    alone = jnp.where(allowed[:, None, None, :, None, :], alone, NEVER)
    weights = jax.nn.softmax(jnp.concatenate([shared, alone], axis=-1), axis=-1)
    first, second = jnp.split(weights.astype(own[1].dtype), [prefix[0].shape[1]], axis=-1)
    mixed = jnp.einsum("pkgtrs,pskd->pgtkrd", first, prefix[1])
    return mixed + jnp.einsum("pkgtrs,pgskd->pgtkrd", second, own[1])


def attend_next(
    queries: Float[Array, "P G K R d"],
    prefix: tuple[Float[Array, "P K d Tp"], Float[Array, "P K Tp d"]],
    seen: Bool[Array, "P Tp"],
    own: tuple[Float[Array, "P G K S d"], Float[Array, "P G K S d"]],
    allowed: Bool[Array, "#P S"],
) -> Float[Array, "P G K R d"]:
    """As `attend_both`, for one query a text, with keys and values as they are remembered.

    Every product is of matrices as they lie in memory, so that nothing remembered is turned round:
    the prefix is multiplied by all queries of a group, a text's own by its own.
    """
    P, G, K, R, d = queries.shape
    group = jnp.swapaxes(queries, 1, 2).reshape(P, K, G * R, d)
    shared = _product(group.astype(prefix[0].dtype), prefix[0])
    shared = jnp.swapaxes(shared.reshape(P, K, G, R, -1), 1, 2)
    shared = jnp.where(seen[:, None, None, None, :], shared, NEVER)
    alone = _product(queries.astype(own[0].dtype), jnp.swapaxes(own[0], -1, -2))
    alone = jnp.where(allowed[:, None, None, None, :], alone, NEVER)
    top = jnp.maximum(jnp.max(shared, -1, initial=NEVER), jnp.max(alone, -1))[..., None]
    shared, alone = jnp.exp(shared - top), jnp.exp(alone - top)
    total = jnp.sum(shared, -1) + jnp.sum(alone, -1)
    weights = jnp.swapaxes(shared, 1, 2).reshape(P, K, G * R, -1)
    asked = _product(weights.astype(prefix[1].dtype), prefix[1])
    mixed = jnp.swapaxes(asked.reshape(P, K, G, R, d), 1, 2)
    mixed = mixed + _product(alone.astype(own[1].dtype), own[1])
    return (mixed / total[..., None]).astype(own[1].dtype)


def _product(left: Float[Array, "*B m n"], right: Float[Array, "*B n o"]) -> Array:
    return jnp.matmul(left, right, preferred_element_type=jnp.float32)


def _scores(rule: str, queries: Array, keys: Array) -> Array:
    return jnp.einsum(rule, queries, keys, preferred_element_type=jnp.float32)
