"""A task's symbols as tokens of the model that answers, and back.

A model that begins with nothing has the task's symbols for its tokens. One from a folder has tokens
of its own, and every symbol is one of them. What a task makes and verifies are symbols; prompts and
answers of a model, and so every record of them (`Rollouts`), are tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int

from cairn.core.errors import TokenError
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED, SEP
from cairn.envs.tokens.protocol import Prompt, TokenTask
from cairn.improve.config import CONDITIONS
from cairn.nn.language.tokenizer import Tokenizer
from cairn.nn.language.tokens import Symbols

SEPARATORS = (RESERVED[SEP], "\n", "\n\n", "\t", "=", ":", "|", " ")
"""What may stand for SEP: the first that is one token of the model and no symbol of the task."""


class Vocabulary(NamedTuple):
    """S symbols of a task among the V tokens of a model."""

    tokenizer: Tokenizer
    """Of the model."""
    token: Int[np.ndarray, " S"]
    """By symbol."""
    symbol: Int[np.ndarray, " V"]
    """By token; PAD, which makes an answer wrong, of those that stand for none."""
    ends: tuple[int, ...]
    """Tokens that end an answer."""
    begins: bool
    """Whether there is a token for BOS; without one a prompt has none."""
    conditions: tuple[int, ...] = ()
    """Tokens of the conditions, if there are any: only where tokens are the symbols themselves."""
    folder: Path | None = None
    """Where the model's config and tokeniser lie, if they came with it."""

    def write(self, symbols: Int[Array, "*b"]) -> Int[Array, "*b"]:
        """Symbols as tokens."""
        return jnp.asarray(self.token)[symbols]

    def read(self, tokens: Int[Array, "*b"]) -> Int[Array, "*b"]:
        """Tokens as symbols: for verifiers."""
        return jnp.asarray(self.symbol)[tokens]

    def prompt(self, prompt: Prompt) -> Prompt:
        """Prompts, (P, Tp) and (P,), as the model sees them."""
        return Prompt(self.write(prompt.ids), prompt.length - int(not self.begins))

    def ended(self, tokens: Int[Array, "*b"]) -> Bool[Array, "*b"]:
        """Where an answer ends."""
        return jnp.isin(tokens, jnp.asarray(self.ends, jnp.int32), method="compare_all")


def own(task: TokenTask) -> Vocabulary:
    """That of a model over the task's symbols, and the conditions behind them."""
    names = (*task.symbols, *CONDITIONS)
    token = np.arange(len(names), dtype=np.int32)
    symbol = np.where(token < len(task.symbols), token, PAD)  # conditions answer nothing
    conditions = tuple(range(len(task.symbols), len(names)))
    return Vocabulary(Symbols(names), token, symbol, (EOS,), True, conditions)


def borrowed(task: TokenTask, tokenizer: Tokenizer, size: int, where: Path) -> Vocabulary:
    """That of a model with `size` tokens and a tokeniser of its own, from the folder `where`.

    A symbol is the token that says it, without or with a space before it. PAD, BOS and EOS are the
    model's own, every token that ends its answers is read as EOS, and SEP is the first of
    `SEPARATORS` that is free. There are no conditions: no token is free to be given their meaning.

    Raises TokenError, which names the symbols, if there is no such token, or one for two symbols.
    """
    found = {name: _token(tokenizer, (name, f" {name}")) for name in task.own_symbols}
    if missing := [name for name, token in found.items() if token is None]:
        raise TokenError(
            f"The tokeniser of {where} has no single token for {_listed(missing)}, which "
            f"{type(task).__name__} is written with. Give the task settings without such symbols, "
            f"or take a model that has them."
        )
    stops = tuple(getattr(tokenizer, "stops", (tokenizer.eos,)))
    taken = {tokenizer.pad: RESERVED[PAD], tokenizer.bos: RESERVED[BOS]}
    taken |= dict.fromkeys(stops, RESERVED[EOS])
    for name, token in found.items():
        if token in taken:
            raise TokenError(
                f"The tokeniser of {where} has one token, {token}, for {_listed([taken[token]])} "
                f"and {_listed([name])} of {type(task).__name__}: take a model that tells them "
                f"apart."
            )
        taken[token] = name
    free = (_token(tokenizer, (text,)) for text in SEPARATORS)
    separator = next((token for token in free if token is not None and token not in taken), None)
    if separator is None:
        raise TokenError(
            f"The tokeniser of {where} has no token left to end a prompt with: expected one of "
            f"{_listed(SEPARATORS)} to be a single token, and no symbol of {type(task).__name__}."
        )
    begin = tokenizer.pad if tokenizer.bos is None else tokenizer.bos
    reserved = {PAD: tokenizer.pad, BOS: begin, EOS: stops[0], SEP: separator}
    token = np.array([*(reserved[at] for at in sorted(reserved)), *found.values()], np.int32)
    symbol = np.full(size, PAD, np.int32)
    symbol[token] = np.arange(len(token))
    symbol[list(stops)], symbol[tokenizer.pad] = EOS, PAD
    return Vocabulary(tokenizer, token, symbol, stops, tokenizer.bos is not None, folder=where)


def _token(tokenizer: Tokenizer, spellings: Sequence[str]) -> int | None:
    """The token that says the first of these texts that one token says alone."""
    for text in spellings:
        try:
            ids = tokenizer.encode(text)
        except TokenError:
            continue
        # What is unknown may be a token too, which says something else.
        if len(ids) == 1 and tokenizer.decode(ids) == text:
            return ids[0]
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
