"""Answers kept to be imitated: a ring of rows, each with its prompt, none twice.

A row is known by its problem and its canonical form, so that the same solution, found again in a
later cycle, is not a second one (problems come again where there are only so many).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from cairn.core.rollouts import Rollouts
from cairn.envs.tokens.layout import mix
from cairn.improve import cloning
from cairn.improve.parts import Played, Problem


class Buffer(NamedTuple):
    """N places; the first `added` are taken, the oldest are written over."""

    prompt: Int[Array, "N Tp"]
    prompt_len: Int[Array, " N"]
    tok: Int[Array, "N T"]
    mask: Float[Array, "N T"]
    known: UInt32[Array, " N"]
    """Hash of problem and canonical form."""
    added: Int[Array, ""]
    """Rows ever added; int32, so 2·10⁹ of them."""


def empty(problem: Problem, rows: int) -> Buffer:
    """No answer yet."""
    Tp, T = problem.task.prompt_length, problem.task.answer_length
    return Buffer(
        prompt=jnp.zeros((rows, Tp), jnp.int32),
        prompt_len=jnp.zeros(rows, jnp.int32),
        tok=jnp.zeros((rows, T), jnp.int32),
        mask=jnp.zeros((rows, T), jnp.float32),
        known=jnp.zeros(rows, jnp.uint32),
        added=jnp.zeros((), jnp.int32),
    )


def taken(buffer: Buffer) -> Int[Array, ""]:
    """Rows that can be drawn."""
    return jnp.minimum(buffer.added, buffer.known.shape[0])


def names(problem: Problem, played: Played) -> UInt32[Array, "P G"]:
    """What each answer is known by."""
    asked = jax.vmap(problem.task.identity)(played.problems)
    return mix(played.canonical ^ mix(asked)[:, None])


def add(
    buffer: Buffer, rollouts: Rollouts, kept: Bool[Array, "P G"], known: UInt32[Array, "P G"]
) -> tuple[Buffer, Bool[Array, "P G"]]:
    """With the kept answers whose name is not in it; also which those were.

    Within a batch names must differ where kept, or be thinned out before (`select.distinct`).
    """
    rows = buffer.known.shape[0]
    there = jnp.arange(rows, dtype=jnp.int32) < taken(buffer)
    old = jnp.any((known.reshape(-1, 1) == buffer.known[None]) & there[None], axis=1)
    new = kept.reshape(-1) & ~old
    place = (buffer.added + jnp.cumsum(new.astype(jnp.int32)) - 1) % rows
    place = jnp.where(new, place, rows)  # out of range: the scatter drops it
    put = lambda old, rows: old.at[place].set(rows, mode="drop")  # noqa: E731
    G, flat = kept.shape[1], lambda leaf: leaf.reshape(-1, leaf.shape[-1])
    return Buffer(
        prompt=put(buffer.prompt, jnp.repeat(rollouts.prompt, G, axis=0)),
        prompt_len=put(buffer.prompt_len, jnp.repeat(rollouts.prompt_len, G)),
        tok=put(buffer.tok, flat(rollouts.tok)),
        mask=put(buffer.mask, flat(rollouts.mask)),
        known=put(buffer.known, known.reshape(-1)),
        added=buffer.added + jnp.sum(new.astype(jnp.int32)),
    ), new.reshape(kept.shape)


def draw(buffer: Buffer, key: Key[Array, ""], n: int) -> Rollouts:
    """`n` rows with replacement; of an empty buffer rows that count for nothing."""
    chosen = jax.random.randint(key, (n,), 0, jnp.maximum(taken(buffer), 1))
    tokens, mask = buffer.tok[chosen][:, None], buffer.mask[chosen][:, None]
    return cloning.written(buffer.prompt[chosen], buffer.prompt_len[chosen], tokens, mask)
