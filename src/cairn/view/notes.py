"""Stars, tags and a note of a run, kept in `notes.json` in its directory.

They are a person's: no part of the run's digest, of its config or of what a resumed run repeats.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core import files
from cairn.core.errors import ConfigError, RunError, reason
from cairn.core.redact import encodable
from cairn.view.reading import read_table

NOTES = "notes.json"
LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 10_000, 40, 20
"""Characters of a note and of a tag; tags of a run."""


class Notes(NamedTuple):
    """What people noted of a run."""

    star: bool = False
    tags: tuple[str, ...] = ()
    """In the order they were given, each once."""
    note: str = ""
    revision: int = 0
    """How often they were written."""


def read(path: Path | str) -> Notes:
    """The notes of the run in `path`; empty ones where there are none. Raises RunError."""
    file = Path(path) / NOTES
    if not os.path.lexists(file):
        return Notes()
    found = read_table(file)
    try:
        revision = found.get("revision", 0)
        if not isinstance(revision, int) or isinstance(revision, bool) or revision < 0:
            raise ConfigError(f"revision must be a count, got {revision!r}.")
        checked = _checked(found.get("star", False), found.get("tags", []), found.get("note", ""))
    except ConfigError as error:
        raise RunError(f"{file.name} is damaged: {error}") from None
    return checked._replace(revision=revision)


def write(
    path: Path | str,
    *,
    star: bool | None = None,
    tags: Sequence[str] | None = None,
    note: str | None = None,
    revision: int | None = None,
) -> Notes:
    """Change the notes of the run in `path`, whole or not at all; None leaves a part as it was.

    `revision` is that of the notes which the change was made on: if others were written meanwhile
    nothing is changed. Returns the new notes. Raises ConfigError for what is too long or of another
    type, RunError for notes that changed meanwhile, are damaged, or cannot be written.
    """
    folder = Path(path)
    with _alone(folder):
        old = read(folder)
        if revision is not None and revision != old.revision:
            raise RunError(
                f"the notes of {folder.name} were changed meanwhile, elsewhere: load the page "
                f"again, then change them."
            )
        new = _checked(
            old.star if star is None else star,
            old.tags if tags is None else tags,
            old.note if note is None else note,
        )._replace(revision=old.revision + 1)
        _put(folder, new)
    return new


def _checked(star: Any, tags: Any, note: Any) -> Notes:
    """Notes out of plain values. Raises ConfigError."""
    if not isinstance(star, bool):
        raise ConfigError(f"star must be true or false, got {star!r}.")
    if isinstance(tags, str) or not isinstance(tags, Sequence):
        raise ConfigError(f"tags must be a list of words, got {type(tags).__name__}.")
    if not isinstance(note, str):
        raise ConfigError(f"note must be a text, got {type(note).__name__}.")
    note = encodable(note).replace("\r\n", "\n")  # a form has two characters for each line's end
    if len(note) > LONGEST_NOTE:
        raise ConfigError(
            f"note must have at most {LONGEST_NOTE:,} characters, got {len(note):,}. Put the rest "
            f"in a file of your own."
        )
    kept: dict[str, None] = {}
    for tag in tags:
        if not isinstance(tag, str):
            raise ConfigError(f"a tag must be a text, got {type(tag).__name__}.")
        tag = " ".join(tag.split())
        if len(tag) > LONGEST_TAG or "," in tag:
            raise ConfigError(
                f"a tag must have at most {LONGEST_TAG} characters and no comma, got {len(tag)}: "
                f"{tag[:LONGEST_TAG]!r}."
            )
        if tag:
            kept[encodable(tag)] = None
    if len(kept) > MOST_TAGS:
        raise ConfigError(f"a run may have at most {MOST_TAGS} tags, got {len(kept)}.")
    return Notes(star, tuple(kept), note)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other writers of these notes out: by a lock on the folder, which leaves no file."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise RunError(f"{folder} cannot be opened: {reason(error)}.") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise RunError(_unwritable(folder, error)) from None
    finally:
        os.close(handle)


def _put(folder: Path, notes: Notes) -> None:
    """Write them as private as the run is."""
    private = not folder.stat().st_mode & 0o077
    text = json.dumps(notes._asdict(), indent=2, ensure_ascii=False) + "\n"
    if (folder / NOTES).is_symlink():
        raise RunError(f"{NOTES} of {folder.name} is a link, which is not written through.")
    try:
        with files.replacing(folder / NOTES, private=private) as part:
            part.write_text(text, encoding="utf-8")
            files.sync(part)
    except RunError as error:
        cause = error.__cause__
        why = cause if isinstance(cause, OSError) else error
        raise RunError(_unwritable(folder, why)) from None


def _unwritable(folder: Path, error: Exception) -> str:
    return f"the notes of {folder.name} cannot be kept: {reason(error)}. Nothing was changed."
