"""Texts as token ids: tables of symbols and of characters.

Tokenisers of words and bytes, trained here or Hugging Face's, are in `nn/language/bpe.py`.
"""

import functools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cairn.core.errors import TokenError
from cairn.core.files import replacing
from cairn.core.vocabulary import BOS, EOS, PAD, RESERVED
from cairn.nn.language import hugging_table
from cairn.nn.language.tokenizer import Ids, Tokenizer

FILE = "tokens.json"
"""Where a table lies in its folder; the `tokenizer.json` beside it is for `transformers`."""
_TOLD = re.compile("<.+>")
"""A symbol that says how to answer: no part of any text."""


class _Reserved:
    """Vocabularies that begin with `RESERVED`."""

    @property
    def pad(self) -> int:
        """Stands where nothing stands."""
        return PAD

    @property
    def bos(self) -> int:
        """Begins a text."""
        return BOS

    @property
    def eos(self) -> int:
        """Ends an answer."""
        return EOS


@dataclass(frozen=True)
class Symbols(_Reserved):
    """A fixed table that begins with `RESERVED`; in a text, symbols stand apart by spaces.

    Where every symbol has one character (those in angle brackets aside) they stand side by side.
    The longest symbol that fits is taken, and `<sep>` and its kin are read as well. Spaces between
    symbols may be left out or put in, unless a space is a symbol itself.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.names[: len(RESERVED)] != RESERVED:
            raise TokenError(f"A table must begin with {RESERVED}, not {self.names[:4]}.")
        if "" in self.names:
            raise TokenError("A symbol is not empty: a table holds an empty one.")
        if twice := [name for name in self.names if self.names.count(name) > 1]:
            raise TokenError(f"A table must hold a symbol once, and {twice[0]!r} is there twice.")
        if bad := [name for name in self.names if name != name.strip() and len(name) > 1]:
            raise TokenError(f"A symbol has no space around it: {bad[0]!r}.")

    @property
    def size(self) -> int:
        """Reserved ids and symbols."""
        return len(self.names)

    @functools.cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest = sorted(self.names, key=len, reverse=True)
        return re.compile("|".join(map(re.escape, longest)))

    @functools.cached_property
    def _ids(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.names)}

    def encode(self, text: str) -> list[int]:
        """Ids of a text. Raises TokenError at the first place where no symbol fits."""
        ids, at = [], 0
        while at < len(text):
            if text[at].isspace() and text[at] not in self._ids:
                at += 1
                continue
            found = self._pattern.match(text, at)
            if found is None:
                raise TokenError(
                    f"No symbol of this vocabulary fits {text[at : at + 12]!r}, at character {at}. "
                    f"It knows {' '.join(self.names[len(RESERVED) :][:40])}."
                )
            ids.append(self._ids[found[0]])
            at = found.end()
        return ids

    def decode(self, ids: Ids) -> str:
        """The text, by a lookup in NumPy."""
        return self.between.join(np.asarray(self.names, object)[_shown(ids, self.size)])

    @property
    def between(self) -> str:
        """What stands between two symbols of a text: nothing, or a space."""
        told = [name for name in self.names[len(RESERVED) :] if not _TOLD.fullmatch(name)]
        return "" if all(len(name) == 1 for name in told) else " "

    def save(self, folder: Path) -> None:
        """Write the table, and what `transformers` reads in its place."""
        _save(folder, "symbols", self.names)
        hugging_table.write(folder, self.names, self.between)


@dataclass(frozen=True)
class Characters(_Reserved):
    """One id for each character that a text has, after the reserved ones."""

    alphabet: str
    """In order, each once."""

    @staticmethod
    def of(text: str) -> "Characters":
        """The characters of a text, sorted."""
        return Characters("".join(sorted(set(text))))

    def __post_init__(self) -> None:
        if not self.alphabet or sorted(set(self.alphabet)) != list(self.alphabet):
            raise TokenError("An alphabet must hold each of its characters once, in order.")

    @property
    def size(self) -> int:
        """Reserved ids and characters."""
        return len(RESERVED) + len(self.alphabet)

    @functools.cached_property
    def _points(self) -> np.ndarray:
        return _points(self.alphabet)

    def encode(self, text: str) -> list[int]:
        """Ids of a text. Raises TokenError at the first character that is not in the alphabet."""
        return self.array(text).tolist()

    def array(self, text: str) -> np.ndarray:
        """As `encode`, int32, for long texts."""
        points = _points(text)
        at = np.searchsorted(self._points, points)
        wrong = self._points[np.minimum(at, len(self._points) - 1)] != points
        if wrong.any():
            first = int(wrong.argmax())
            raise TokenError(
                f"Character {text[first]!r} (number {first} of the text) is not in the alphabet of "
                f"{len(self.alphabet)} characters that this vocabulary was made of."
            )
        return (at + len(RESERVED)).astype(np.int32)

    def decode(self, ids: Ids) -> str:
        """The text; reserved ids say nothing."""
        shown = _shown(ids, self.size)
        return "".join(self.alphabet[at - len(RESERVED)] for at in shown if at >= len(RESERVED))

    def save(self, folder: Path) -> None:
        """Write the alphabet, and what `transformers` reads in its place."""
        _save(folder, "characters", self.alphabet)
        hugging_table.write(folder, hugging_table.of_characters(self.alphabet), "", blanks=False)


def load(folder: Path) -> Tokenizer:
    """The tokeniser that was saved in a folder, or that of a Hugging Face model.

    Raises TokenError if there is none or it cannot be read; MissingExtraError without `tokenizers`
    where one is needed.
    """
    path = folder / FILE
    if not path.exists():
        from cairn.nn.language import bpe

        return bpe.load(folder)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        kind, table = told["kind"], told["table"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TokenError(f"{path} is no table of tokens: {error}.") from None
    if kind == "symbols" and isinstance(table, list):
        return Symbols(tuple(map(str, table)))
    if kind == "characters" and isinstance(table, str):
        return Characters(table)
    raise TokenError(f"{path} is no table of tokens: it must hold symbols or characters.")


def check_fit(tokenizer: Tokenizer, vocabulary: int) -> None:
    """Raises TokenError if a model has no place for all ids, or padding would end answers.

    A model may have more places than there are ids: many are rounded up.
    """
    if tokenizer.size > vocabulary:
        raise TokenError(
            f"The tokeniser has {tokenizer.size} tokens, but the model a vocabulary of "
            f"{vocabulary}: they do not belong together."
        )
    if tokenizer.pad == tokenizer.eos:
        raise TokenError(
            f"The tokeniser pads with token {tokenizer.pad}, which also ends answers: a model "
            f"trained so never learns to end. Give it another token for padding."
        )


def _shown(ids: Ids, size: int) -> np.ndarray:
    at = np.asarray(ids, np.int64)
    if at.size and not 0 <= at.min() <= at.max() < size:
        wrong = at[(at < 0) | (at >= size)][0]
        raise TokenError(f"Token {wrong} is not in a vocabulary of {size}.")
    return at[~np.isin(at, (PAD, BOS, EOS))]


def _points(text: str) -> np.ndarray:
    """Unicode numbers of a text's characters; lone surrogates too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _save(folder: Path, kind: str, table: Sequence[str]) -> None:
    with replacing(folder / FILE, private=False) as part:
        part.write_text(json.dumps({"kind": kind, "table": table}, ensure_ascii=True) + "\n")
