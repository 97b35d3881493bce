"""A source of prompts in one file, so that a trainer that is resumed goes on with what it knew."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from cairn.archive.replay import Replay
from cairn.core import checkpoint, onefile
from cairn.core.errors import ConfigError, RunError
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve.hand_off.problems import Named, stacked

KIND, WRITER = "prompts", "Prompts.save"
FIELDS = ("ids", "cycle", "next", "there", "task", "how")
"""What a file says of its source."""


class Known(NamedTuple):
    """All that a source knows."""

    archive: Replay
    open: list[PyTree]
    """Each open prompt's start and problem, in the order of `ids`."""
    ids: list[int]
    cycle: int
    next: int


def write(path: Path, known: Known, about: dict[str, Any]) -> None:
    """Write all there is; `about`: how the source was made."""
    rows = stacked(known.open) if known.open else ()
    told = {"ids": known.ids, "cycle": known.cycle, "next": known.next, **about}
    onefile.write(path, KIND, (known.archive, rows), told)


def about(path: Path) -> dict[str, Any]:
    """How the source of a file was made. Raises RunError if there is none, or if another version of
    cairn has written it."""
    told = onefile.meta(path, KIND, WRITER)
    if missing := [name for name in FIELDS if name not in told]:
        raise RunError(
            f"{path} was written by an older cairn: it says nothing of {', '.join(missing)}. Make "
            f"a new source of prompts, or go on with the version that wrote it."
        )
    return told


def task_of(path: Path, told: dict[str, Any], given: TokenTask | None) -> TokenTask:
    """The task of a file. Raises RunError if it has to be given."""
    if given is not None:
        return given
    try:
        return Named(*told["task"]).made()
    except ConfigError as error:
        raise RunError(f"{path}: its task cannot be made again, so give it. {error}") from error


def read(path: Path, archive: Replay, row: PyTree, told: dict[str, Any]) -> Known:
    """What was written; `archive` and `row` (of one open prompt) give shapes.

    Raises CheckpointError if it does not fit them or is damaged.
    """
    ids = told["ids"]
    wide = lambda leaf: np.zeros((len(ids), *np.shape(leaf)), leaf.dtype)  # noqa: E731
    like = (archive, jax.tree.map(wide, row) if ids else ())
    (archive, rows), _ = checkpoint.load(path, like)
    rows = jax.device_get(rows)
    each = [jax.tree.map(lambda leaf, at=at: leaf[at], rows) for at in range(len(ids))]
    return Known(archive, each, ids, told["cycle"], told["next"])
