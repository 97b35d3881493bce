"""Prompts with something behind them: the beginning of an answer, or a draft of one."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.vocabulary import SEP
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Prompt
from cairn.improve.config import BAD, Config
from cairn.improve.parts import Problem, Problems
from cairn.nn.language.decode import sample
from cairn.nn.language.transformer import Transformer


def extended(prompt: Prompt, more: Int[Array, "P E"], kept: Bool[Array, "P E"]) -> Prompt:
    """Every prompt with the kept tokens behind it, closed up and padded on the left."""
    place = jax.lax.broadcasted_iota(jnp.int32, prompt.ids.shape, 1)
    there = place >= prompt.ids.shape[1] - prompt.length[:, None]
    ids = jnp.concatenate([prompt.ids, more], axis=1)
    return Prompt(*jax.vmap(layout.right_aligned)(ids, jnp.concatenate([there, kept], axis=1)))


def whole(
    begun: Int[Array, "N T"], cut: Int[Array, " N"], rest: Int[Array, "N K T"], mask: Array
) -> tuple[Int[Array, "N K T"], Int[Array, "N K"]]:
    """The first `cut` tokens of an answer and what was said then: tokens and their number.

    What is longer than an answer may be is cut off, end and all.
    """
    T = begun.shape[1]
    K = rest.shape[1]
    place = jnp.arange(T, dtype=jnp.int32)
    kept = jnp.broadcast_to((place[None] < cut[:, None])[:, None], rest.shape)
    ahead = jnp.broadcast_to(begun[:, None], rest.shape)
    ids = jnp.concatenate([ahead, rest], axis=2)
    flags = jnp.concatenate([kept, mask > 0], axis=2)
    close = lambda ids, flags: layout.left_aligned(ids, flags, T)  # noqa: E731
    tokens = jax.vmap(jax.vmap(close))(ids, flags)
    length = jnp.minimum(jnp.sum(flags.astype(jnp.int32), axis=2), T)
    return tokens, length.reshape(-1, K)


def go_on(
    problem: Problem,
    config: Config,
    model: Transformer,
    problems: Problems,
    prompt: Prompt,
    begun: Int[Array, "N T"],
    cut: Int[Array, " N"],
    key: Key[Array, ""],
    tries: int,
) -> tuple[Int[Array, "N K T"], Int[Array, "N K"], Bool[Array, "N K"], Int[Array, ""]]:
    """So many ways to end answers that begin with `cut` tokens of `begun`: what was said (behind
    the beginning), its length, whether the whole is correct, and tokens sampled."""
    N, T = begun.shape
    place = jnp.arange(T, dtype=jnp.int32)
    start = extended(prompt, begun, place[None] < cut[:, None])
    said = sample(
        model, start.ids, start.length, jnp.arange(N, dtype=jnp.int32), key,
        group=tries, limit=T, temperature=config.temperature,
        stop=problem.vocabulary.ends,
    )  # fmt: skip
    tokens, length = whole(begun, cut, said.tok, said.mask)
    verify = jax.vmap(jax.vmap(problem.task.verify, in_axes=(None, 0, 0)))
    correct = verify(problems, problem.vocabulary.read(tokens), length).correct
    own = jnp.sum(said.mask, axis=-1).astype(jnp.int32)
    return said.tok, own, correct, jnp.sum(own)


def shown(
    problem: Problem,
    prompt: Prompt,
    draft: Int[Array, "P T"],
    length: Int[Array, " P"],
    marked: Int[Array, " P"] | None = None,
) -> Prompt:
    """A prompt with a draft behind it, and SEP; with a sign before the token at `marked`."""
    place = jnp.arange(draft.shape[1], dtype=jnp.int32)[None]
    inside = (place < length[:, None]) & ~problem.vocabulary.ended(draft)
    end = jnp.full_like(draft[:, :1], problem.vocabulary.token[SEP])
    always = jnp.ones_like(end, bool)
    if marked is None:
        more, kept = [draft, end], [inside, always]
        return extended(prompt, jnp.concatenate(more, axis=1), jnp.concatenate(kept, axis=1))
    good = inside & (place < marked[:, None])
    sign = jnp.full_like(end, problem.vocabulary.conditions[BAD])
    more, kept = [draft, sign, draft, end], [good, always, inside & ~good, always]
    return extended(prompt, jnp.concatenate(more, axis=1), jnp.concatenate(kept, axis=1))


def balanced(label: Bool[Array, "P G T"], there: Bool[Array, "P G T"]) -> Float[Array, "P G T"]:
    """Weights by which both labels count as much at each place of an answer."""
    count = lambda flags: jnp.sum(flags.astype(jnp.float32), axis=(0, 1), keepdims=True)  # noqa: E731
    good, bad = there & label, there & ~label
    total = count(there)
    each = lambda flags: total / (2 * jnp.maximum(count(flags), 1.0))  # noqa: E731
    return jnp.where(good, each(good), jnp.where(bad, each(bad), 0.0))
