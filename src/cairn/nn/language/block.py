"""One layer of a Llama, with attention left open: what it is made of and what it computes.

RMSNorm, rotary embedding, grouped queries, SwiGLU (Touvron et al. 2023, arXiv:2302.13971; Llama 3,
arXiv:2407.21783); biases of q, k, v as Qwen 2.5 has them, norms of each head as Qwen 3.
"""

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cairn.core.errors import ConfigError
from cairn.nn.language.attention import Llama3Scaling, Turn, frequencies, turn

Kept = TypeVar("Kept")


@dataclasses.dataclass(frozen=True)
class Shape:
    """What a model is made of: all that its compiled programs depend on."""

    vocabulary: int
    width: int = 128
    layers: int = 2
    heads: int = 4
    kv_heads: int = 4
    """Heads of keys and values; each serves `heads / kv_heads` queries."""
    head_width: int = 32
    inner: int = 384
    """Width inside the feed-forward part."""
    norm_epsilon: float = 1e-5
    rope_theta: float = 10_000.0
    rope_scaling: Llama3Scaling | None = None
    tied: bool = True
    """The head is the embedding, transposed."""
    attention_bias: bool = False
    """q, k and v have a bias (Qwen 2.5)."""
    head_norm: bool = False
    """q and k are normed, head by head, before they turn (Qwen 3)."""
    context: int | None = None
    """Tokens of the longest text that the model is made for; None: nobody said."""

    def __post_init__(self) -> None:
        for name in ("vocabulary", "width", "layers", "heads", "kv_heads", "head_width", "inner"):
            if getattr(self, name) < 1:
                raise ConfigError(f"A model's {name} must be at least 1: {getattr(self, name)}.")
        if self.heads % self.kv_heads:
            raise ConfigError(
                f"A model's heads ({self.heads}) must be a multiple of its kv_heads "
                f"({self.kv_heads})."
            )
        if self.head_width % 2:
            raise ConfigError(
                f"A model's head_width must be even (pairs are turned): {self.head_width}."
            )

    @property
    def queries(self) -> int:
        """Queries that share a key: R."""
        return self.heads // self.kv_heads


class Adapted(eqx.Module):
    """A weight, and an addition of low rank that is never multiplied out: `weight + a b`."""

    weight: Float[Array, "..."]
    a: Float[Array, "..."]
    b: Float[Array, "..."]


class Block(eqx.Module):
    """Weights of one layer, or of all of them with an axis of layers in front.

    q, k and v are one product, grouped by key head: its last R + 1 and R + 2 rows are key and
    value. So every device of a mesh can hold whole groups, with gate and up likewise.
    """

    attention_norm: Float[Array, "*L D"]
    qkv: Float[Array, "*L D K Rkv d"] | Adapted
    qkv_bias: Float[Array, "*L K Rkv d"] | None
    qk_norm: Float[Array, "*L 2 d"] | None
    """Of queries, of keys."""
    out: Float[Array, "*L K R d D"] | Adapted
    mlp_norm: Float[Array, "*L D"]
    gate_up: Float[Array, "*L D 2 F"] | Adapted
    down: Float[Array, "*L F D"] | Adapted


def layer(
    block: Block,
    shape: Shape,
    x: Float[Array, "*B D"],
    by: Turn,
    attention: Callable[[Array, Array, Array], tuple[Array, Kept]],
) -> tuple[Float[Array, "*B D"], Kept]:
    """`x + attention(norm(x))`, then `x + mlp(norm(x))`; and what `attention` kept.

    `attention` is given queries (..., K, R, d), turned and scaled, and keys and values (..., K, d)
    of these tokens; it returns what each query attended to, and anything that shall be kept.
    """
    z = product(rms_norm(x, block.attention_norm, shape.norm_epsilon), block.qkv, 1)
    if block.qkv_bias is not None:
        z = z + over(block.qkv_bias, z.ndim)
    # Split and not sliced: the gradient is then one array, and not a sum of padded ones.
    queries_keys, values = jnp.split(z, [shape.queries + 1], axis=-2)
    if block.qk_norm is not None:
        of_query = jnp.broadcast_to(block.qk_norm[:1], (shape.queries, shape.head_width))
        scale = jnp.concatenate([of_query, block.qk_norm[1:]])
        queries_keys = rms_norm(queries_keys, scale, shape.norm_epsilon)
    queries_keys = turn(queries_keys, by)
    queries, keys = jnp.split(queries_keys, [shape.queries], axis=-2)
    queries = queries * shape.head_width**-0.5
    mixed, kept = attention(queries, keys[..., 0, :], values[..., 0, :])
    x = x + product(mixed, block.out, 3)
    z = product(rms_norm(x, block.mlp_norm, shape.norm_epsilon), block.gate_up, 1)
    gate, up = (part[..., 0, :] for part in jnp.split(z, 2, axis=-2))
    return x + product(jax.nn.silu(gate) * up, block.down, 1), kept


def product(x: Float[Array, "..."], weight: Array | Adapted, axes: int) -> Float[Array, "..."]:
    """The last `axes` axes of `x` times the first of `weight`."""
    if isinstance(weight, Array):
        return jnp.tensordot(x, weight, axes)
    low = jnp.tensordot(x, weight.a.astype(x.dtype), axes)
    return jnp.tensordot(x, weight.weight, axes) + jnp.tensordot(low, weight.b.astype(x.dtype), 1)


def turns(shape: Shape, positions: Int[Array, "*B"]) -> Turn:
    """How the pairs of a head are turned at these positions."""
    rate = jnp.asarray(frequencies(shape.head_width, shape.rope_theta, shape.rope_scaling))
    angle = positions[..., None].astype(jnp.float32) * over(rate, positions.ndim + 1)
    return Turn(jnp.cos(angle), jnp.sin(angle))


def rms_norm(
    x: Float[Array, "*B D"], scale: Float[Array, "*S D"], epsilon: float
) -> Float[Array, "*B D"]:
    """`x / sqrt(mean(x²) + ε) · scale`, in float32 inside (Zhang & Sennrich 2019)."""
    wide = x.astype(jnp.float32)
    root = jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + epsilon)
    return (wide * root).astype(x.dtype) * over(scale, x.ndim).astype(x.dtype)


def over(leaf: Array, rank: int) -> Array:
    """`leaf` with as many axes in front as `rank` needs."""
    return jnp.expand_dims(leaf, range(rank - leaf.ndim))
