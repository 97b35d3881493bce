"""Writing so that a kill, a full disk or a power cut leaves the old or the new, never a mixture."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from cairn.core import faults
from cairn.core.errors import ConfigError, RunError, reason


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure of the disk into one line that says what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RunError(
            f"Cannot write {path}: {reason}. Nothing older was changed: free space or fix the "
            f"permissions, then resume or begin again."
        ) from error


@contextlib.contextmanager
def replacing(path: Path, *, private: bool = True) -> Iterator[Path]:
    """An empty file to fill, which takes the place of `path` at the end.

    Private, only its owner can read it: it may hold texts in the clear.
    """
    part = path.with_name(f".{path.name}.part")
    with writing(path):
        part.unlink(missing_ok=True)
        part.touch(mode=0o600 if private else 0o666)
        yield part
        part.replace(path)


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def append(path: Path, content: bytes, fault: str) -> None:
    """Append to a file and hand it to the operating system: a killed process loses nothing.

    Two writes, so that a test can kill between them (`fault`:mid) and leave half a record.
    """
    faults.point(f"{fault}:before")
    half = len(content) // 2
    with writing(path), path.open("ab") as file:
        file.write(content[:half])
        file.flush()
        faults.point(f"{fault}:mid")
        file.write(content[half:])
    faults.point(f"{fault}:after")


def truncate(path: Path, size: int) -> None:
    """Cut a file back to `size` bytes, its length when the checkpoint was made.

    Raises RunError if it is shorter: lines that the checkpoint counts on are lost.
    """
    length = path.stat().st_size if path.exists() else 0
    if length < size:
        raise RunError(
            f"{path} has {length} bytes, but the checkpoint was made when it had {size}: "
            f"it was cut or replaced. Resume from an unaltered copy of the run."
        )
    if length > size:
        with writing(path):
            os.truncate(path, size)


def to_json(value: Any, **style: Any) -> str:
    """JSON of nested dicts, lists and numbers. A number that is not finite becomes null."""
    return json.dumps(plain(value), allow_nan=False, **style)


def plain(value: Any) -> Any:
    """Nested dicts, lists and numbers as JSON would give them back."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy and JAX
        return plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a text that hold something, stripped; `what` names the file in messages.

    Not by `splitlines`: a text may hold U+2028 and its kin.
    Raises ConfigError if it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{what} {path} cannot be read: {reason(error)}.") from None
    return [line.strip() for line in lines if line.strip()]
