"""Answers side by side, each at its own place: what a server samples from.

S slots hold an answer each. One that has ended makes room at once, while the others go on. A
prompt is read alone (`read`) and put into a slot, or into several for several answers (`enter`);
then every step of the compiled loop (`advance`) gives each slot its next token. No shape depends
on who is in the slots, so three programs serve all requests.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from cairn.core.keys import uniforms
from cairn.nn.language.choose import choose
from cairn.nn.language.transformer import Prefix, Suffix, Transformer

ENDS = 8
"""Most tokens that end one answer."""
TOP = 20
"""Most alternatives that are reported for a token."""


class Read(NamedTuple):
    """A prompt's keys and values, layer by layer: its first token at place 0."""

    keys: tuple[Float[Array, "K B d"], ...]
    values: tuple[Float[Array, "K B d"], ...]
    last: Int[Array, ""]
    """The last token of the prompt."""
    length: Int[Array, ""]


class Wanted(NamedTuple):
    """How an answer is drawn, of one slot or of all."""

    key: UInt32[Array, "*S 2"]
    """Data of the key that names the answer's draw."""
    most: Int[Array, "*S"]
    """Tokens it may have yet."""
    temperature: Float[Array, "*S"]
    top_k: Int[Array, "*S"]
    """0: all."""
    top_p: Float[Array, "*S"]
    """1: all."""
    ends: Int[Array, "*S ends"]
    """Tokens that end it; -1 where there are fewer."""


class Slots(NamedTuple):
    """All answers under way."""

    suffix: Suffix
    """Keys and values of prompt and answer, (S, 1, K, C, d) a layer."""
    token: Int[Array, " S"]
    """Not read yet: the last of the prompt, then the last that was said."""
    place: Int[Array, " S"]
    """Where that token stands."""
    made: Int[Array, " S"]
    """Tokens said so far."""
    live: Bool[Array, " S"]
    wanted: Wanted


class Said(NamedTuple):
    """What the slots said, step by step."""

    token: Int[Array, "steps S"]
    there: Bool[Array, "steps S"]
    """Whether the slot was still speaking."""
    logp: Float[Array, "steps S"]
    """Under the distribution that was sampled from."""
    logp_model: Float[Array, "steps S"]
    """Under the model itself."""
    top: Int[Array, "steps S top"] | None
    """The likeliest tokens, if anybody asked."""
    top_logp: Float[Array, "steps S top"] | None


def empty(model: Transformer, slots: int, context: int) -> Slots:
    """No answers, and room for `slots` of them with their prompts, of `context` tokens each."""
    suffix = model.begin(_nothing(model, slots), group=1, limit=context)

    def zeros(kind: type) -> Array:
        return jnp.zeros(slots, kind)  # each its own: they are donated

    key, ends = jnp.zeros((slots, 2), jnp.uint32), jnp.full((slots, ENDS), -1, jnp.int32)
    whole = jnp.ones(slots, jnp.float32)
    wanted = Wanted(key, zeros(jnp.int32), zeros(jnp.float32), zeros(jnp.int32), whole, ends)
    return Slots(suffix, zeros(jnp.int32), zeros(jnp.int32), zeros(jnp.int32), zeros(bool), wanted)


def read(model: Transformer, prompt: Int[Array, " B"], length: Int[Array, ""]) -> Read:
    """A prompt of `length` tokens at the right end of `prompt`, which is as long as a bucket."""
    prefix, _ = model.prefill(prompt[None], length[None])
    # What stood at the right end goes to the left; what padding left behind is never seen.
    keys = tuple(jnp.roll(jnp.swapaxes(part[0], 1, 2), length, axis=1) for part in prefix.keys)
    values = tuple(jnp.roll(part[0], length, axis=1) for part in prefix.values)
    return Read(keys, values, prompt[-1], length)


def enter(slots: Slots, place: Int[Array, ""], prompt: Read, wanted: Wanted) -> Slots:
    """`slots` with an answer to `prompt` begun at `place`, in whatever state that slot was."""

    def put(whole: Array, part: Array) -> Array:
        at = (place, *(jnp.int32(0) for _ in range(4)))
        return jax.lax.dynamic_update_slice(whole, part[None, None].astype(whole.dtype), at)

    def among(whole: Array, one: Array) -> Array:
        return whole.at[place].set(one)

    return Slots(
        Suffix(
            tuple(map(put, slots.suffix.keys, prompt.keys)),
            tuple(map(put, slots.suffix.values, prompt.values)),
            slots.suffix.turns,
        ),
        among(slots.token, prompt.last),
        # The last token is read again, as the first of the loop: so nothing is sampled here.
        among(slots.place, prompt.length - 1),
        among(slots.made, jnp.int32(0)),
        among(slots.live, wanted.most > 0),
        jax.tree.map(among, slots.wanted, wanted),
    )


def advance(
    model: Transformer, slots: Slots, keep: Bool[Array, " S"], *, steps: int, top: bool
) -> tuple[Slots, Said]:
    """`steps` more tokens of every slot that speaks; those not in `keep` fall silent first.

    Args:
        model: `unstacked`.
        slots: what is under way.
        keep: False where an answer has ended for reasons that are not the model's.
        steps: tokens of each.
        top: whether to report the likeliest tokens.
    """
    nothing = _nothing(model, slots.token.shape[0])

    def step(now: Slots, _: None) -> tuple[Slots, Said]:
        suffix, hidden = model.step(nothing, now.suffix, now.token[:, None], now.place)
        logits = model.logits(hidden)[:, 0]
        wanted = now.wanted
        found = choose(
            logits, _uniform(wanted.key, now.made), temperature=wanted.temperature,
            top_k=wanted.top_k, top_p=wanted.top_p,
        )  # fmt: skip
        ended = jnp.any(found.token[:, None] == wanted.ends, axis=1)
        more = now.live.astype(jnp.int32)
        going = now.live & ~ended & (now.made + 1 < wanted.most)
        said = Said(found.token, now.live, found.logp, found.logp_model, *_likeliest(logits, top))
        token = jnp.where(now.live, found.token, now.token)
        after = Slots(suffix, token, now.place + more, now.made + more, going, wanted)
        return after, said

    return jax.lax.scan(step, slots._replace(live=slots.live & keep), None, length=steps)


def answer_key(key: Key[Array, ""], answer: int) -> UInt32[Array, "2"]:
    """Names the draw of an answer among several to one request: `Wanted.key`."""
    return jax.random.key_data(jax.random.fold_in(key, answer))


def _nothing(model: Transformer, slots: int) -> Prefix:
    """A prefix without tokens: prompts lie in the slots, since none is shared for long."""
    shape = model.shape
    values = jnp.zeros((slots, shape.kv_heads, 0, shape.head_width), model.embed.dtype)
    keys, each = jnp.swapaxes(values, 2, 3), shape.layers
    none = jnp.zeros((slots, 0), bool)
    return Prefix((keys,) * each, (values,) * each, none, jnp.zeros(slots, jnp.int32))


def _uniform(data: Array, made: Array) -> Float[Array, " S"]:
    """A number in [0, 1) for each slot's next token: the one that `sample` draws it by."""

    def one(words: Array, place: Array) -> Array:
        return uniforms(jax.random.wrap_key_data(words), place, 1)[0]

    return jax.vmap(one)(data, made)


def _likeliest(logits: Array, top: bool) -> tuple[Any, Any]:
    """The likeliest tokens and their log-probabilities under the model."""
    if not top:
        return None, None
    found, tokens = jax.lax.top_k(logits, min(TOP, logits.shape[-1]))
    return tokens, found - jax.nn.logsumexp(logits, axis=-1, keepdims=True)
