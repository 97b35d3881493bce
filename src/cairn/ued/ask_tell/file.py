"""How a Teacher's space is told in its file."""

import json
from pathlib import Path
from typing import Any

from cairn.core.errors import RunError
from cairn.envs import spaces
from cairn.envs.protocol import Space

KIND, WRITER = "teacher", "Teacher.save"


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
