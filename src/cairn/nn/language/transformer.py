"""A language model of the Llama family, on weights that lie stacked layer over layer.

Texts of any batch go by `hidden`. Groups of texts that go on from one prompt each are sampled
token by token (`prefill`, `begin`, `step`) and learned from all at once (`grouped`). A prompt's
keys and values are computed once and lie in memory once, however many texts go on from it:
attention reads them beside each text's own and takes one softmax over both. A text's token t
stands at place `length + t`, wherever its prompt's padding ends.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.keys import stream
from cairn.nn.language.attention import Turn, attend, attend_both, attend_next, causal, left_padded
from cairn.nn.language.block import Block, Shape, layer, rms_norm, turns

EMBEDDED = 0.02
"""Std of a fresh embedding, and so of what a fresh block adds to it."""

UNROLLED = 8
"""Layers that are compiled one by one, which is faster to run; more go by a loop."""

Kept = TypeVar("Kept")


class Prefix(NamedTuple):
    """Prompts as `step` reads them: one array of keys and one of values a layer.

    A head's are one matrix in memory, here and in `Suffix`, keys the way the queries of a whole
    group are multiplied by them: else all of them would be turned round at every step.
    """

    keys: tuple[Float[Array, "P K d Tp"], ...]
    values: tuple[Float[Array, "P K Tp d"], ...]
    seen: Bool[Array, "P Tp"]
    """Not padding."""
    lengths: Int[Array, " P"]


class Suffix(NamedTuple):
    """What was said after the prompts, as far as it goes."""

    keys: tuple[Float[Array, "P G K T d"], ...]
    values: tuple[Float[Array, "P G K T d"], ...]
    turns: Turn
    """Of all places from 0 on. Carried, or a loop of steps would compute each cosine anew for every
    text, head and layer, which took a CPU longer than a layer's queries, keys and values."""


class Transformer(eqx.Module):
    """The model. Blocks are stacked, or (`unstacked`) a tuple with one for each layer."""

    embed: Float[Array, "V D"]
    blocks: Block | tuple[Block, ...]
    norm: Float[Array, " D"]
    head: Float[Array, "V D"] | None
    """None: tied to the embedding."""
    shape: Shape = eqx.field(static=True)

    @staticmethod
    def init(key: Key[Array, ""], shape: Shape) -> "Transformer":
        """Fresh weights: products keep the size of what enters them, a block adds little."""
        L, D, K, R, d = shape.layers, shape.width, shape.kv_heads, shape.queries, shape.head_width

        def normal(name: str, std: float, *axes: int) -> Array:
            return std * jax.random.normal(stream(key, name), axes, jnp.float32)

        quiet = EMBEDDED / (2 * L) ** 0.5
        blocks = Block(
            attention_norm=jnp.ones((L, D)),
            qkv=normal("qkv", D**-0.5, L, D, K, R + 2, d),
            qkv_bias=jnp.zeros((L, K, R + 2, d)) if shape.attention_bias else None,
            qk_norm=jnp.ones((L, 2, d)) if shape.head_norm else None,
            out=normal("out", quiet * (K * R * d) ** -0.5, L, K, R, d, D),
            mlp_norm=jnp.ones((L, D)),
            gate_up=normal("gate_up", D**-0.5, L, D, 2, shape.inner),
            down=normal("down", quiet * shape.inner**-0.5, L, shape.inner, D),
        )
        embed = normal("embed", EMBEDDED, shape.vocabulary, D)
        head = None if shape.tied else normal("head", EMBEDDED, shape.vocabulary, D)
        return Transformer(embed, blocks, jnp.ones((D,)), head, shape)

    def unstacked(self) -> "Transformer":
        """The same model with its layers apart: for loops of `step`, before they begin.

        A loop that takes its layers out of the stack copies every weight at every step.
        """
        return eqx.tree_at(lambda model: model.blocks, self, self.layers())

    def layers(self) -> tuple[Block, ...]:
        """Each layer's weights."""
        if isinstance(self.blocks, tuple):
            return self.blocks
        return tuple(_layer(self.blocks, at) for at in range(self.shape.layers))

    def hidden(
        self,
        tokens: Int[Array, "*B T"],
        positions: Int[Array, "*B T"] | Int[Array, " T"],
        allowed: Bool[Array, "*B T T"] | Bool[Array, "T T"],
        *,
        remat: bool = False,
    ) -> Float[Array, "*B T D"]:
        """What the head reads at every token, of texts placed by `causal`, `left_padded`, `packed`.

        With `remat` a layer's inside is computed again for the gradient, not kept.
        """
        allowed = jnp.broadcast_to(allowed, (*tokens.shape, tokens.shape[-1]))

        def attention(q: Array, k: Array, v: Array) -> tuple[Array, None]:
            return attend(q, k, v, allowed), None

        return self._through(tokens, jnp.broadcast_to(positions, tokens.shape), attention, remat)[0]

    def logits(self, hidden: Float[Array, "*B D"]) -> Float[Array, "*B V"]:
        """Scores of the next token, in float32 whatever the weights are kept in."""
        head = self.embed if self.head is None else self.head
        return jnp.einsum("...d,vd->...v", hidden, head, preferred_element_type=jnp.float32)

    def prefill(
        self, tokens: Int[Array, "P Tp"], lengths: Int[Array, " P"]
    ) -> tuple[Prefix, Float[Array, "P D"]]:
        """Read prompts, padded on the left to Tp; also what the head reads after each."""
        positions, allowed = left_padded(lengths, tokens.shape[1])

        def attention(q: Array, k: Array, v: Array) -> tuple[Array, tuple[Array, Array]]:
            return attend(q, k, v, allowed), (k, v)

        hidden, kept = self._through(tokens, positions, attention)
        keys = tuple(jnp.transpose(k, (0, 2, 3, 1)) for k, _ in kept)
        values = tuple(jnp.swapaxes(v, 1, 2) for _, v in kept)
        return Prefix(keys, values, allowed[:, -1], lengths), hidden[:, -1]

    def begin(self, prefix: Prefix, *, group: int, limit: int) -> Suffix:
        """Room for `group` texts of `limit` tokens after each prompt."""

        def room(like: Array) -> Array:
            prompts, heads, _, width = like.shape
            return jnp.zeros((prompts, group, heads, limit, width), like.dtype)

        places = jnp.arange(prefix.seen.shape[1] + limit, dtype=jnp.int32)
        keys, values = (tuple(map(room, prefix.values)) for _ in ("keys", "values"))
        return Suffix(keys, values, turns(self.shape, places))

    def longer(self, suffix: Suffix, by: int) -> Suffix:
        """With room for so many more tokens."""
        more = [(0, 0)] * 3 + [(0, by), (0, 0)]
        keys, values = jax.tree.map(lambda part: jnp.pad(part, more), suffix[:2])
        places = jnp.arange(suffix.turns.cos.shape[0] + by, dtype=jnp.int32)
        return Suffix(keys, values, turns(self.shape, places))

    def step(
        self,
        prefix: Prefix,
        suffix: Suffix,
        tokens: Int[Array, "P G"],
        t: Int[Array, ""] | Int[Array, " P"],
    ) -> tuple[Suffix, Float[Array, "P G D"]]:
        """Read each text's token t; also what the head reads for its token t + 1.

        `t` counts from 0 after the prompt: one for all, or one for each prompt's group. What lies
        in the suffix beyond `t` is not seen. In a loop, let the model be `unstacked`.
        """
        limit = suffix.keys[0].shape[-2]
        each = jnp.broadcast_to(t, prefix.lengths.shape)
        by = Turn(*(part[prefix.lengths + each][:, None] for part in suffix.turns))
        allowed = jnp.arange(limit, dtype=jnp.int32)[None] <= each[:, None]

        def attention(at: int, q: Array, k: Array, v: Array) -> tuple[Array, tuple[Array, Array]]:
            own = _write(suffix.keys[at], k, t), _write(suffix.values[at], v, t)
            before = prefix.keys[at], prefix.values[at]
            return attend_next(q, before, prefix.seen, own, allowed), own

        x, kept = self.embed[tokens], []
        for at, block in enumerate(self.layers()):
            x, own = layer(block, self.shape, x, by, partial(attention, at))
            kept.append(own)
        keys, values = tuple(k for k, _ in kept), tuple(v for _, v in kept)
        return Suffix(keys, values, suffix.turns), self._normed(x)

    def grouped(
        self,
        prompt: Int[Array, "P Tp"],
        lengths: Int[Array, " P"],
        tokens: Int[Array, "P G T"],
        *,
        remat: bool = False,
    ) -> Float[Array, "P G T D"]:
        """What the head reads just before each of `tokens`: of what was sampled, all at once.

        The prompt, padded on the left, goes through the model once for its whole group. The last
        token of each text predicts nothing and is not read.
        """
        (P, Tp), G, T = prompt.shape, tokens.shape[1], tokens.shape[2]
        said = tokens[:, :, :-1].reshape(P, -1)
        positions, allowed = left_padded(lengths, Tp)
        after = jnp.tile(jnp.arange(T - 1, dtype=jnp.int32), G)[None] + lengths[:, None]
        line, seen = causal(T - 1).allowed[None], allowed[:, -1]

        def apart(heads: Array) -> tuple[Array, Array]:
            return heads[:, :Tp], heads[:, Tp:].reshape(P, G, T - 1, *heads.shape[2:])

        def attention(q: Array, k: Array, v: Array) -> tuple[Array, None]:
            (q0, q1), (k0, k1), (v0, v1) = apart(q), apart(k), apart(v)
            asked = attend(q0, k0, v0, allowed)
            answered = attend_both(q1, (k0, v0), seen, (k1, v1), line)
            return jnp.concatenate([asked, answered.reshape(P, -1, *q.shape[2:])], axis=1), None

        # One row a prompt: every product of a layer is one, and prompts can lie on many devices.
        row = jnp.concatenate([prompt, said], axis=1)
        x = self._through(row, jnp.concatenate([positions, after], axis=1), attention, remat)[0]
        first = jnp.broadcast_to(x[:, None, Tp - 1 : Tp], (P, G, 1, x.shape[-1]))
        return jnp.concatenate([first, x[:, Tp:].reshape(P, G, T - 1, -1)], axis=2)

    def _through(
        self,
        tokens: Array,
        positions: Array,
        attention: Callable[[Array, Array, Array], tuple[Array, Kept]],
        remat: bool = False,
    ) -> tuple[Array, tuple[Kept, ...]]:
        """Through all layers alike, by a scan if they are stacked; and what each one kept."""
        by = turns(self.shape, positions)

        def one(x: Array, block: Block) -> tuple[Array, Kept]:
            return layer(block, self.shape, x, by, attention)

        one = jax.checkpoint(one) if remat else one
        x, kept = self.embed[tokens], []
        if isinstance(self.blocks, tuple):
            for block in self.blocks:
                x, own = one(x, block)
                kept.append(own)
        else:
            # One by one, nothing need be cut out of a stack, nor what gradients need be put in one.
            x, every = jax.lax.scan(one, x, self.blocks, unroll=self.shape.layers <= UNROLLED)
            kept = [_layer(every, at) for at in range(self.shape.layers)]
        return self._normed(x), tuple(kept)

    def _normed(self, x: Array) -> Array:
        return rms_norm(x, self.norm, self.shape.norm_epsilon)


def _layer(stacked: Kept, at: int) -> Kept:
    return jax.tree.map(lambda leaf: leaf[at], stacked)


def _write(old: Array, new: Array, t: Array) -> Array:
    """`new` (P, G, K, d) at place t of `old`; a slice where all write at one place."""
    new = new[:, :, :, None].astype(old.dtype)
    if not t.ndim:
        return jax.lax.dynamic_update_slice_in_dim(old, new, t, axis=3)
    return jax.vmap(partial(jax.lax.dynamic_update_slice_in_dim, axis=2))(old, new, t)
