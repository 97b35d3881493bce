"""Text files as tokens on disk, with the tokeniser that made them: what pre-training reads.

The folder is a dataset of `cairn.core.dataset`, whose episodes are the texts, and beside it lies
the tokeniser, as `cairn.nn.language.tokens.load` reads it.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from cairn import __version__
from cairn.core import files
from cairn.core.dataset import Dataset, creating
from cairn.core.errors import ConfigError, DatasetError, reason
from cairn.nn.language import tokens
from cairn.nn.language.tokens import Characters, Tokenizer

NAME = "texts"
"""What such a dataset says in the place of an environment."""
ENDINGS = (".txt", ".md", ".rst")
"""Files of a folder that are read."""
Kind = Literal["characters", "bpe"]


class Corpus(NamedTuple):
    """A corpus on disk."""

    dataset: Dataset

    @classmethod
    def open(cls, path: Path | str) -> "Corpus":
        """Raises DatasetError if there is none at `path`."""
        found = Dataset.open(path)
        if found.about["environment"] != NAME:
            raise DatasetError(
                f"{path} holds episodes of {found.about['environment']}; expected texts, as "
                f"cairn lm train makes them."
            )
        return cls(found)

    @property
    def vocabulary(self) -> int:
        """Ids there are."""
        return self.dataset.about["specs"]["vocabulary"]

    def tokenizer(self) -> Tokenizer:
        """The one that made it. Raises DatasetError if it is another one by now."""
        found = tokens.load(self.dataset.path)
        if _digest(self.dataset.path) != self.dataset.about["specs"]["tokenizer"]:
            raise DatasetError(
                f"The tokeniser in {self.dataset.path} is not the one that its texts were written "
                f"with. Make the corpus again, in another folder."
            )
        return found

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """All tokens, int32, text after text; and where a text begins."""
        arrays = self.dataset.read("token", "first")
        return arrays["token"], arrays["first"]


def prepare(
    source: Path, folder: Path, kind: Kind = "characters", vocabulary: int = 1024
) -> Corpus:
    """The corpus of a text file, or of a folder of them, in `folder`.

    If the same is there already it is taken as it is.

    Args:
        source: a UTF-8 file, or a folder whose .txt, .md and .rst files are taken, also those of
            folders in it.
        folder: of the corpus.
        kind: a token for each character, or for byte pairs that are learned from the texts.
        vocabulary: how many of those, at most.

    Raises ConfigError for texts that cannot be read or say nothing, DatasetError if `folder` holds
    something else.
    """
    texts = [_text(path) for path in _paths(source)]
    if not any(texts):
        raise ConfigError(f"{source} holds no text: every file is empty.")
    told = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    made_of = {"sha256": told, "tokens": kind, "vocabulary": vocabulary if kind == "bpe" else None}
    if folder.exists():
        return _same(folder, made_of)
    if kind == "bpe":
        from cairn.nn.language import bpe

        tokenizer: Tokenizer = bpe.train(texts, vocabulary)
    else:
        tokenizer = Characters.of("".join(texts))
    with creating(folder) as writer:
        tokenizer.save(writer.folder)
        for text in texts:
            if text:
                writer.add(_episode(tokenizer, text))
        specs = {"vocabulary": tokenizer.size, "tokenizer": _digest(writer.folder)}
        writer.finish(
            {
                "environment": NAME,
                "specs": specs,
                "made_of": made_of,
                "texts": len(texts),
                "characters": sum(map(len, texts)),
                "versions": {"cairn": __version__},
            }
        )
    return Corpus.open(folder)


def _paths(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise ConfigError(f"{source} does not exist; expected a text file or a folder of them.")
    found = sorted(path for path in source.rglob("*") if path.suffix in ENDINGS and path.is_file())
    if not found:
        raise ConfigError(f"{source} has no text: expected files that end in {', '.join(ENDINGS)}.")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}). Convert it first.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {reason(error)}.") from None


def _episode(tokenizer: Tokenizer, text: str) -> dict[str, np.ndarray]:
    """A text between its beginning and its end."""
    said: Sequence[int] | np.ndarray
    said = tokenizer.array(text) if isinstance(tokenizer, Characters) else tokenizer.encode(text)
    begin = [] if tokenizer.bos is None else [tokenizer.bos]
    ids = np.concatenate([begin, said, [tokenizer.eos]]).astype(np.int32)
    first = np.zeros(len(ids), bool)
    first[0] = True
    return {"token": ids, "first": first}


def _digest(folder: Path) -> str:
    """Of the tokeniser's files."""
    names = ("tokens.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")
    found = {
        n: hashlib.sha256((folder / n).read_bytes()).hexdigest()
        for n in names
        if (folder / n).is_file()
    }
    return hashlib.sha256(files.to_json(found, sort_keys=True).encode()).hexdigest()


def _same(folder: Path, made_of: dict[str, Any]) -> Corpus:
    found = Corpus.open(folder)
    if found.dataset.about["made_of"] != made_of:
        raise DatasetError(
            f"{folder} holds a corpus of other texts or other tokens, and is not written over. "
            f"Choose another --data."
        )
    return found
