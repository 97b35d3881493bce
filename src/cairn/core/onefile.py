"""A pytree and what is known of it in one file: complete or absent, and every byte verified."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from jaxtyping import PyTree

from cairn.core import checkpoint, files
from cairn.core.errors import RunError

FORMAT = 1


def write(path: Path, kind: str, everything: PyTree, meta: dict[str, Any]) -> None:
    """Put the file in the place of an older one. Raises RunError; then the older one stays.

    `kind` says what is in it: a word.
    """
    if path.is_dir():
        raise RunError(f"{path} is a folder, and {kind} is saved as a file. Choose another.")
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
        try:
            written = checkpoint.save(beside, 0, everything, {kind: FORMAT, **meta})
            written.replace(path)
            files.sync(path.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def meta(path: Path, kind: str, writer: str) -> dict[str, Any]:
    """What a file of a kind says of what is in it. Raises RunError where there is none.

    `writer`: what writes such files, for the message.
    """
    if not path.is_file():
        raise RunError(f"{path} does not exist: expected a file that {writer} wrote.")
    found = checkpoint.meta(path)
    if found.get(kind) != FORMAT:
        raise RunError(f"{path} holds no {kind} that this cairn can read.")
    return found
