"""A Teacher in one file: complete or absent, and every byte of it verified."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from jaxtyping import PyTree

from cairn.core import checkpoint, files
from cairn.core.errors import RunError
from cairn.envs import spaces
from cairn.envs.protocol import Space

FORMAT = 1


def write(path: Path, everything: PyTree, meta: dict[str, Any]) -> None:
    """Put the file in the place of an older one. Raises RunError; then the older one stays."""
    if path.is_dir():
        raise RunError(f"{path} is a folder, and a teacher is saved as a file. Choose another.")
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.new-", dir=path.parent))
        try:
            written = checkpoint.save(beside, 0, everything, {"teacher": FORMAT, **meta})
            written.replace(path)
            files.sync(path.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def meta(path: Path) -> dict[str, Any]:
    """What a file says of the teacher in it. Raises RunError where there is none."""
    if not path.is_file():
        raise RunError(f"{path} does not exist: expected a file that Teacher.save wrote.")
    found = checkpoint.meta(path)
    if found.get("teacher") != FORMAT:
        raise RunError(f"{path} holds no teacher that this cairn can read.")
    return found


def spelled(space: Space) -> dict[str, Any] | None:
    """The space as JSON; None for one that only its owner can make."""
    try:
        told: dict[str, Any] = space.to_dict()  # pyright: ignore[reportAttributeAccessIssue]
        return told if spaces.from_dict(json.loads(json.dumps(told))) == space else None
    except (AttributeError, TypeError, ValueError):
        return None


def space_of(path: Path, told: dict[str, Any] | None, given: Space | None) -> Space:
    """The space of a file. Raises RunError if it has to be given, or is another than the given."""
    if told is None and given is None:
        raise RunError(f"{path} was saved with a space of one's own: Teacher.load(path, space).")
    if told is None:
        assert given is not None
        return given
    space = spaces.from_dict(told)
    if given is not None and given != space:
        raise RunError(f"{path} was saved with another space than the one given.")
    return space
