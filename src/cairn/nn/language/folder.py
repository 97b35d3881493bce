"""A folder of a pretrained model: what it says of itself, before its weights are read."""

import hashlib
import shutil
from pathlib import Path
from typing import NamedTuple

from cairn.core import files
from cairn.core.errors import ConfigError
from cairn.nn.language import hugging, tokens, weights
from cairn.nn.language.block import Shape
from cairn.nn.language.tokenizer import Tokenizer


class Described(NamedTuple):
    """A model without its numbers."""

    shape: Shape
    tokenizer: Tokenizer
    closing: tuple[int, ...]
    """Tokens that belong behind every prompt."""


def described(folder: Path) -> Described:
    """What the config and the tokeniser of a folder say.

    Raises ConfigError if there is no such folder or it is a run of cairn, WeightsError or
    TokenError for what is in it.
    """
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ConfigError(
            f"{folder} {what}; expected a run, or a model's folder with config.json, weights in "
            f"safetensors files and a tokeniser."
        )
    if (folder / "versions.json").is_file():
        raise ConfigError(
            f"{folder} is a run of cairn; expected a model's folder. Start from a run by "
            f"--init-from, or write its model by cairn lm export."
        )
    config = hugging.read(folder)
    shape = hugging.shape(config, folder / hugging.FILE)
    tokenizer = tokens.load(folder)
    tokens.check_fit(tokenizer, shape.vocabulary)
    return Described(shape, tokenizer, hugging.closing(config, folder / hugging.FILE))


def keep(folder: Path, copy: Path) -> None:
    """Copy all but the weights: what `described` and `weights.save(like=...)` read.

    Raises RunError if the disk refuses.
    """
    with files.writing(copy):
        copy.mkdir()
        for file in _kept(folder):
            shutil.copyfile(file, copy / file.name)
            files.sync(copy / file.name)
        files.sync(copy)


def digest(folder: Path) -> str:
    """One hash over what `keep` copies."""
    total = hashlib.sha256()
    for file in _kept(folder):
        total.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _kept(folder: Path) -> list[Path]:
    files = [folder / name for name in sorted((hugging.FILE, *weights.BESIDE))]
    return [file for file in files if file.is_file()]
