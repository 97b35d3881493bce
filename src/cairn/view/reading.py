"""Files of a run as they are found: half written, gone, of another's making. Nothing is followed.

A run may have been copied from anywhere. What is no plain file (a link to somewhere else, a pipe
that never ends) is not opened, and nothing is read without a bound.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from cairn.core.errors import RunError, reason

LARGEST = 4 * 2**20
"""Bytes of a file of settings or notes."""


class UnreadableError(RunError):
    """A file that cannot be read, in one line."""


def open_plain(path: Path) -> int:
    """A descriptor of a plain file, to be read. Raises UnreadableError."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise UnreadableError(f"{path.name} is missing.") from None
    except OSError as error:
        what = "it is a link, which is not followed" if path.is_symlink() else reason(error)
        raise UnreadableError(f"{path.name} cannot be read: {what}.") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise UnreadableError(f"{path.name} is no file.")
    return file


def read_start(path: Path, size: int) -> bytes:
    """The first bytes of a plain file. Raises UnreadableError."""
    file = open_plain(path)
    try:
        return os.read(file, size)
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {reason(error)}.") from None
    finally:
        os.close(file)


def read_table(path: Path) -> dict[str, Any]:
    """A JSON object out of a plain file. Raises UnreadableError."""
    content = read_start(path, LARGEST + 1)
    if len(content) > LARGEST:
        raise UnreadableError(f"{path.name} is larger than {LARGEST >> 20} MiB: it is not shown.")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        what = "is empty" if not content.strip() else "is no JSON, or half written"
        raise UnreadableError(f"{path.name} {what}.") from None
    if not isinstance(found, dict):
        raise UnreadableError(f"{path.name} holds {type(found).__name__}, expected a JSON object.")
    return found
