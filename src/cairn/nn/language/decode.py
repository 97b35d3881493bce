"""Sampling from a language model in one compiled loop: P prompts, G answers each.

A prompt is read once, and its keys and values are shared by its answers. The first token comes
from the prompt's own last state, so T tokens take T - 1 further steps; the loop ends when every
answer has.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, Shaped

from cairn.core.branches import anybody
from cairn.core.errors import ConfigError
from cairn.core.keys import uniforms
from cairn.nn.language.choose import Chosen, Count, Number, choose

PAD = 0
"""What stands behind an answer's end. The mask says where that is, never this."""


@runtime_checkable
class Decoder(Protocol):
    """What is asked of a model: see `cairn.nn.language.transformer.Transformer`."""

    def unstacked(self) -> "Decoder":
        """Itself, as a loop of steps wants it."""
        ...

    def prefill(self, tokens: Array, lengths: Array) -> tuple[Any, Array]:
        """Prompts (P, Tp), padded on the left -> what is remembered of them, last state (P, D)."""
        ...

    def begin(self, prefix: Any, *, group: int, limit: int) -> Any:
        """Room for G answers of at most T tokens to each."""
        ...

    def step(self, prefix: Any, suffix: Any, tokens: Array, t: Array) -> tuple[Any, Array]:
        """The t-th token of each answer (P, G) -> the answers with it, its state (P, G, D)."""
        ...

    def logits(self, hidden: Array) -> Array:
        """(..., D) -> (..., V)."""
        ...


class Sampled(NamedTuple):
    """P prompts times G answers of at most T tokens: the sampled part of `Rollouts`."""

    tok: Int[Array, "P G T"]
    """Padding after an answer's end."""
    mask: Float[Array, "P G T"]
    """1 on sampled tokens, the one that ended the answer included."""
    logp: Float[Array, "P G T"]
    """Under the distribution that was sampled from; 0 where the mask is."""
    logp_model: Float[Array, "P G T"]
    """Under the model itself, at temperature 1 and with nothing cut off; likewise."""
    truncated: Bool[Array, "P G"]
    """Where an answer reached T without an end."""


class _Loop(NamedTuple):
    """What the loop carries; time comes first, so that a step writes one piece."""

    t: Int[Array, ""]
    suffix: PyTree
    done: Bool[Array, "P G"]
    token: Int[Array, "P G"]
    written: tuple[Array, Array, Array]
    """Tokens and both log-probabilities, (T, P, G)."""


def sample(
    model: Decoder,
    prompt: Int[Array, "P Tp"],
    lengths: Int[Array, " P"],
    uids: Shaped[Array, " P"],
    key: Key[Array, ""],
    *,
    group: int,
    limit: int,
    temperature: Number = 1.0,
    stop: Int[Array, " S"] | Sequence[int],
    top_k: Count | None = None,
    top_p: Number | None = None,
) -> Sampled:
    """G answers to each prompt, each token drawn by one uniform number of its own.

    That number goes by key, the prompt's `uid`, the answer's place in its group and the token's
    place in the answer: an answer depends neither on what else is in the batch nor on T.

    Args:
        model: who is asked.
        prompt: padded on the left, at least one token each.
        lengths: tokens of each prompt, padding apart.
        uids: name each prompt; two of one uid and one prompt have the same answers.
        key: names the draw.
        group: G, answers to each prompt.
        limit: T, most tokens of an answer.
        temperature: a number, or one a prompt; 0 takes the likeliest token.
        stop: tokens that end an answer; they are kept. -1 stands for none.
        top_k: how many of the likeliest may be chosen, or one number a prompt; see `choose`.
        top_p: what share of probability may be chosen from, likewise.

    Raises ConfigError for a group or limit below 1.
    """
    if group < 1 or limit < 1:
        raise ConfigError(f"group and limit must be at least 1, got {group} and {limit}.")
    ends = jnp.asarray(stop, jnp.int32).reshape(-1)
    numbers = _numbers(key, uids, group, limit)
    heat, most, share = (_by_prompt(value) for value in (temperature, top_k, top_p))

    def chosen(hidden: Array, t: Array) -> Chosen:
        uniform = jax.lax.dynamic_index_in_dim(numbers, t, keepdims=False)
        logits = model.logits(hidden).astype(jnp.float32)
        if logits.ndim == 2:  # the prompt's own: one row for the whole group
            logits = jnp.broadcast_to(logits[:, None], (*uniform.shape, logits.shape[-1]))
        return choose(logits, uniform, temperature=heat, top_k=most, top_p=share)

    def record(now: _Loop, suffix: PyTree, hidden: Array) -> _Loop:
        found = chosen(hidden, now.t)
        pieces = (jnp.where(now.done, jnp.asarray(0, part.dtype), part) for part in found)
        written = tuple(
            jax.lax.dynamic_update_index_in_dim(whole, piece, now.t, 0)
            for whole, piece in zip(now.written, pieces, strict=True)
        )
        ended = jnp.isin(found.token, ends, method="compare_all")
        return _Loop(now.t + 1, suffix, now.done | ended, found.token, written)

    def step(now: _Loop) -> _Loop:
        return record(now, *model.step(prefix, now.suffix, now.token, now.t - 1))

    model = model.unstacked()
    prefix, hidden = model.prefill(prompt, lengths)
    suffix = model.begin(prefix, group=group, limit=limit)
    shape = (prompt.shape[0], group)
    floats = jnp.zeros((limit, *shape), jnp.float32)
    written = (jnp.full((limit, *shape), PAD, jnp.int32), floats, floats)
    first = _Loop(
        jnp.int32(0), suffix, jnp.zeros(shape, bool), jnp.zeros(shape, jnp.int32), written
    )
    last = jax.lax.while_loop(
        lambda now: (now.t < limit) & anybody(jnp.any(~now.done)),
        step,
        record(first, suffix, hidden),
    )
    return _sampled(last, ends)


def _sampled(last: _Loop, ends: Int[Array, " S"]) -> Sampled:
    """The record, with the group's axes in front of time."""
    tok, logp, logp_model = (jnp.moveaxis(part, 0, -1) for part in last.written)
    ended = jnp.isin(tok, ends, method="compare_all").astype(jnp.int32)
    before = jnp.cumsum(ended, axis=-1) - ended
    # An answer's first end is its last token; where padding is an end too, it comes later.
    mask = (before == 0).astype(jnp.float32)
    return Sampled(tok, mask, logp, logp_model, ~last.done)


def _numbers(key: Key[Array, ""], uids: Array, group: int, limit: int) -> Float[Array, "T P G"]:
    """The uniform number of each token: by prompt, place in the group, place in the answer."""

    def of_answer(uid: Array, place: Array) -> Array:
        return uniforms(jax.random.fold_in(jax.random.fold_in(key, uid), place), 0, limit)

    places = jnp.arange(group, dtype=jnp.int32)
    by_prompt = jax.vmap(jax.vmap(of_answer, (None, 0)), (0, None))(uids, places)
    return jnp.moveaxis(by_prompt, -1, 0)


def _by_prompt(value: Any) -> Any:
    """A setting a prompt, for every answer of its group; a plain number stays one."""
    if value is None or isinstance(value, int | float):
        return value
    value = jnp.asarray(value)
    return value[:, None] if value.ndim else value
