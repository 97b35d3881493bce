"""The model of a run, or of a folder, as a player in the process itself."""

import hashlib
from functools import partial
from pathlib import Path

from cairn.core.errors import ConfigError, reason
from cairn.lm.local_engine import Settings
from cairn.lm.local_folder import open_folder
from cairn.lm.local_model import LocalModel
from cairn.nn.language.spoken import Spoken
from cairn.runs.language import language


def local_model(path: Path, settings: Settings | None = None, seed: int = 0) -> LocalModel:
    """The model that a run has trained (`cairn lm train`), or that lies in a folder of Hugging
    Face's form, to be given as a player: `cairn.map(..., models={"judge": local_model(path)})`.

    Raises ConfigError if nothing is there; a model that cannot be read, when it is first asked.
    """
    if not path.is_dir():
        raise ConfigError(f"{path} is no folder: expected a run or a model's folder.")
    return LocalModel(partial(_open, path), _digest(path), settings or Settings(), seed)


def _open(path: Path) -> Spoken:
    return language(path) if (path / "versions.json").is_file() else open_folder(path)


def _digest(path: Path) -> str:
    """Over weights, config and words: the files that are not records of how a run went."""
    seen = hashlib.blake2b(digest_size=8)
    for file in sorted(path.rglob("*")):
        if file.is_file() and (file.suffix == ".safetensors" or "token" in file.name):
            seen.update(file.relative_to(path).as_posix().encode() + b"\0")
            try:
                with file.open("rb") as opened:
                    while block := opened.read(2**20):
                        seen.update(block)
            except OSError as error:
                raise ConfigError(f"{file} cannot be read: {reason(error)}.") from None
    return seen.hexdigest()
