"""Tokens of an answer as text: piece by piece, ended by strings, with log-probabilities."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cairn.core.vocabulary import RESERVED
from cairn.nn.language.tokens import Tokenizer

UNFINISHED = "�"
"""What a character looks like of which some bytes are yet to come."""


class Token(NamedTuple):
    """One token of an answer, as the model said it."""

    id: int
    logp: float
    """Under the distribution that was sampled from."""
    logp_model: float
    """Under the model itself, at temperature 1."""
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens and their log-probabilities under the model."""


class Told(NamedTuple):
    """A piece of an answer."""

    text: str
    tokens: tuple[Token, ...]
    ended: bool
    """Whether a string that ends answers has come; it is not in the text, but its tokens are."""


class Text:
    """Puts an answer together; what could be the beginning of an end is held back."""

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str] = ()):
        self._tokenizer, self._stop = tokenizer, tuple(stop)
        self._ids: list[int] = []
        self._shown = 0
        """Characters that have been given out."""
        self.ended = False

    def add(self, tokens: Iterable[Token], *, last: bool) -> Told:
        """The text that is certain now, with those of the tokens that belong to the answer.

        With `last` nothing more will come, so nothing is held back.
        """
        taken: list[Token] = []
        whole = ""
        for token in tokens:
            taken.append(token)
            if token.id < self._tokenizer.size:  # a model may have more places than there are ids
                self._ids.append(token.id)
            if self._stop:
                whole = self._tokenizer.decode(self._ids)
                ends = [at for at in map(whole.find, self._stop) if at >= 0]
                if ends:
                    self.ended = True
                    return Told(self._cut(whole, min(ends)), tuple(taken), True)
        if not self._stop or not taken:
            whole = self._tokenizer.decode(self._ids)
        return Told(
            self._cut(whole, len(whole) if last else self._certain(whole)), tuple(taken), False
        )

    def _cut(self, whole: str, end: int) -> str:
        begin, self._shown = self._shown, max(self._shown, end)
        return whole[begin:end]

    def _certain(self, whole: str) -> int:
        """How much of a text cannot change any more."""
        end = len(whole.rstrip(UNFINISHED))
        return end - max((_begun(whole[:end], stop) for stop in self._stop), default=0)


def _begun(text: str, stop: str) -> int:
    """How many characters of `stop` a text ends with, if not with all."""
    lengths = range(min(len(stop) - 1, len(text)), 0, -1)
    return next((n for n in lengths if stop.startswith(text[-n:])), 0)


def word(tokenizer: Tokenizer, token: int) -> str:
    """How one token is written; special ones by their names."""
    if token >= tokenizer.size:
        return f"<{token}>"
    text = tokenizer.decode([token])
    if text:
        return text
    inside = getattr(tokenizer, "inside", None)
    if inside is not None:
        return inside.id_to_token(token) or f"<{token}>"
    return getattr(tokenizer, "names", RESERVED)[token]
