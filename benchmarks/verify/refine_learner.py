"""The small model of `refine_trained_on.py`: words for tokens, training, asking, for all seeds."""

import random
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cairn.core.keys import stream
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED
from cairn.nn.language import adamw, decode
from cairn.nn.language.attention import packed
from cairn.nn.language.size import Size
from cairn.nn.language.transformer import Transformer

WORD = re.compile(r"\n|\w+|[^\w\s]")
LENGTH = 80
"""Tokens of a row."""


class Plan(NamedTuple):
    """The model, and how it is trained."""

    size: Size = Size(width=64, layers=2, heads=4, kv_heads=4, head_width=16, inner=192)
    vocabulary: int = 1024
    batch: int = 24
    """Rows of an update."""
    chunk: int = 50
    """Updates of one call."""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**self._asdict(), "size": vars(self.size)}


OTHERS = 128
"""Tokens for all words that the table does not hold, by their hash: so every set of texts, whatever
its pseudonyms, is as long as the raw one, and the model's size depends on none of them."""


class Words:
    """Words and signs as tokens."""

    def __init__(self, texts: Iterable[str], size: int):
        every = sorted({word for text in texts for word in WORD.findall(text)})
        self.names = [*RESERVED, *(f"<{at}>" for at in range(OTHERS)), *every]
        if len(self.names) > size:
            raise SystemExit(f"{len(self.names)} tokens, and room for {size}.")
        self.ids = {word: at for at, word in enumerate(self.names)}

    def encode(self, text: str) -> list[int]:
        return [self.ids.get(word, len(RESERVED) + crc32(word.encode()) % OTHERS)
                for word in WORD.findall(text)]  # fmt: skip

    def decode(self, ids: Sequence[int]) -> str:
        """Up to the end, words apart."""
        ids = list(ids)
        ids = ids[: ids.index(EOS)] if EOS in ids else ids
        return " ".join(self.names[at] for at in ids if at < len(self.names))

    def plain(self, text: str) -> str:
        """A text as an answer would say it."""
        return self.decode(self.encode(text))


def rows(words: Words, texts: Sequence[str], count: int, draw: random.Random) -> tuple:
    """`count` rows of tokens, and which text of its row each belongs to (padding: to none).

    Whole texts one after another, all of them once in any order before one comes again.
    """
    tokens = np.full((count, LENGTH), PAD, np.int32)
    which = np.full((count, LENGTH), -1, np.int32)
    ids = [[BOS, *words.encode(text), EOS] for text in texts]
    queue: list[int] = []
    for row in range(count):
        at = number = 0
        while True:
            if not queue:
                queue = draw.sample(range(len(ids)), len(ids))
            text = ids[queue[-1]][:LENGTH]
            if at + len(text) > LENGTH:
                break
            queue.pop()
            tokens[row, at : at + len(text)], which[row, at : at + len(text)] = text, number
            at, number = at + len(text), number + 1
    return tokens, which


def begun(keys, plan: Plan):
    """A fresh model for each seed."""
    shape = plan.size.shape(plan.vocabulary)
    return eqx.filter_vmap(lambda key: Transformer.init(key, shape))(keys)


@eqx.filter_jit
def _chunk(models, moments, tokens, which, keys, done, updates, rate, plan):
    """Some updates of each seed's model on its own rows."""

    def loss(model, token, segment):
        places = packed(segment[:, :-1])
        scores = jax.nn.log_softmax(model.logits(model.hidden(token[:, :-1], *places)))
        each = -jnp.take_along_axis(scores, token[:, 1:, None], axis=-1)[..., 0]
        same = (segment[:, 1:] == segment[:, :-1]) & (segment[:, 1:] >= 0)
        inside = same.astype(jnp.float32)
        return (each * inside).sum() / inside.sum()

    arrays, static = eqx.partition(models, eqx.is_array)

    def one(given):
        arrays, moments, tokens, which, key = given

        def step(carry, number):
            model, moments = carry
            at = jax.random.randint(
                stream(key, "batch", done + number), (plan.batch,), 0, len(tokens)
            )
            gradient = eqx.filter_grad(loss)(model, tokens[at], which[at])
            past = (done + number).astype(jnp.float32)
            pace = rate * jnp.minimum((past + 1.0) / 50.0, 1.0 - 0.95 * past / updates)
            model, moments, _ = adamw.descend(model, gradient, moments, pace, 0.01, 1.0)
            return (model, moments), None

        begin = (eqx.combine(arrays, static), moments)
        (model, moments), _ = jax.lax.scan(step, begin, jnp.arange(plan.chunk, dtype=jnp.int32))
        return eqx.filter(model, eqx.is_array), moments

    arrays, moments = jax.lax.map(one, (arrays, moments, tokens, which, keys))
    return eqx.combine(arrays, static), moments


def trained(models, data: Sequence[tuple], updates: int, keys, *, rate: float, plan: Plan):
    """Each seed's model after so many updates on its rows. All seeds in one program."""
    tokens, which = (jnp.asarray(np.stack(part)) for part in zip(*data, strict=True))
    moments = eqx.filter_vmap(adamw.begin)(models)
    for done in range(0, updates, plan.chunk):
        models, moments = _chunk(
            models, moments, tokens, which, keys, jnp.int32(done), jnp.float32(updates),
            jnp.float32(rate), plan,
        )  # fmt: skip
    return models


@eqx.filter_jit
def sampled(models, prompts, lengths, keys, temperature, limit):
    """Tokens (seeds, prompts, limit) after prompts (seeds, prompts, any), padded on the left."""
    arrays, static = eqx.partition(models, eqx.is_array)

    def one(given):
        arrays, prompts, lengths, key = given
        uids = jnp.arange(len(prompts), dtype=jnp.uint32)
        return decode.sample(
            eqx.combine(arrays, static), prompts, lengths, uids, key, group=1, limit=limit,
            temperature=temperature, stop=(EOS,),
        ).tok[:, 0]  # fmt: skip

    return jax.lax.map(one, (arrays, prompts, lengths, keys))


def said(models, words: Sequence[Words], prompts: Sequence[Sequence[str]], keys, *, limit: int,
         temperature: float = 0.0) -> list[list[str]]:  # fmt: skip
    """What each seed's model says after each of its prompts; equally many for every seed."""
    ids = [[[BOS, *its.encode(told)] for told in asked]
           for its, asked in zip(words, prompts, strict=True)]  # fmt: skip
    width = max(len(row) for its in ids for row in its)
    padded = np.array([[[PAD] * (width - len(row)) + row for row in its] for its in ids], np.int32)
    lengths = np.array([[len(row) for row in its] for its in ids], np.int32)
    tokens = np.asarray(sampled(models, padded, lengths, keys, jnp.float32(temperature), limit))
    return [[its.decode(row) for row in answers.tolist()]
            for its, answers in zip(words, tokens, strict=True)]  # fmt: skip
