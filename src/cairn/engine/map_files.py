"""Where sources and sinks lie: paths on this machine, and URLs through fsspec (`cairn[data]`)."""

import contextlib
import gzip
import os
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.errors import MissingExtraError, RunError

Where = str | Path
File = Any
"""What can be read or written in bytes: fsspec's files have no type in common with Python's."""
LONGEST = 64 * 2**20
"""Bytes of the longest record: a file without line ends must not fill the memory."""


def is_url(where: Where) -> bool:
    """Whether fsspec is to find it."""
    return "://" in str(where)


def filesystem(where: Where) -> tuple[Any, str]:
    """The fsspec filesystem of a URL, and the path in it.

    Raises MissingExtraError without fsspec or without the package that a scheme needs, and
    RunError for a URL that fsspec does not understand.
    """
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError(
            f'{where} is a URL, which needs fsspec, which is missing: pip install "cairn[data]"'
        ) from None
    try:
        return fsspec.core.url_to_fs(str(where))
    except ImportError as error:
        raise MissingExtraError(f"{where}: {error}") from error
    except ValueError as error:
        raise RunError(f"{where} cannot be opened: {error}.") from error


def named(where: Where) -> list[Where]:
    """The files that a path or URL names: one, or those that fit a pattern, sorted."""
    if not any(sign in str(where) for sign in "*?["):
        return [where]
    if is_url(where):
        system, path = filesystem(where)
        found = [system.unstrip_protocol(name) for name in sorted(system.glob(path))]
    else:
        found = sorted(glob(str(where), recursive=True))
    if not found:
        raise RunError(f"no file fits {where}.")
    return list(found)


@contextlib.contextmanager
def reading(where: Where, *, unzip: bool = True) -> Iterator[File]:
    """The file's bytes, unzipped where its name ends in .gz.

    Raises RunError in one line for what cannot be read.
    """
    try:
        with contextlib.ExitStack() as stack:
            if is_url(where):
                system, path = filesystem(where)
                file = stack.enter_context(system.open(path, "rb"))
            else:
                file = stack.enter_context(open(where, "rb"))
            if unzip and str(where).endswith(".gz"):
                file = stack.enter_context(gzip.open(file, "rb"))
            yield file
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise RunError(f"{where} cannot be read: {reason}.") from error


def exists(where: Where) -> bool:
    """Whether anything lies there."""
    if is_url(where):
        system, path = filesystem(where)
        return system.exists(path)
    return os.path.lexists(where)


def beside(where: Where, ending: str) -> Where:
    """A hidden name in the same folder, in which something can be written before its time."""
    folder, slash, name = str(where).rpartition("/")
    return f"{folder}{slash}.{name}.{ending}"


def remove(where: Where) -> None:
    """Delete a file or a folder of files; nothing if it is not there."""
    if is_url(where):
        system, path = filesystem(where)
        if system.exists(path):
            system.rm(path, recursive=True)
        return
    path = Path(where)
    if path.is_dir() and not path.is_symlink():
        for child in path.iterdir():
            remove(child)
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(where: Where) -> Iterator[File]:
    """A new file's bytes; on a failure nothing is left there.

    Raises RunError in one line where it cannot be written.
    """
    try:
        if is_url(where):
            system, path = filesystem(where)
            system.makedirs(system._parent(path), exist_ok=True)
            with system.open(path, "wb") as file:
                yield file
        else:
            with files.writing(Path(where)):
                Path(where).parent.mkdir(parents=True, exist_ok=True)
                with open(where, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
    except BaseException:
        with contextlib.suppress(Exception):
            remove(where)
        raise


def move(source: Where, target: Where, *, replace: bool) -> None:
    """Give what was written its name. Without `replace`, nothing that lies there is touched.

    Raises RunError if something lies there, or it cannot be moved.
    """
    if not replace and exists(target):
        raise taken(target)
    if is_url(target):
        system, path = filesystem(target)
        if replace and system.exists(path):
            system.rm(path, recursive=True)
        system.mv(filesystem(source)[1], path, recursive=True)
        return
    with files.writing(Path(target)):
        if replace and Path(target).is_dir():
            remove(target)  # a folder cannot be renamed over a full one
        if replace or Path(source).is_dir():
            os.replace(source, target)
        else:
            _rename_to_new(source, target)
        files.sync(Path(target).parent)


def _rename_to_new(source: Where, target: Where) -> None:
    """Rename a file to a name that nothing has: not even what came a moment ago."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise taken(target) from None
    except OSError:  # no links on this file system
        os.replace(source, target)
    else:
        os.unlink(source)


def taken(target: Where) -> RunError:
    """The error for a place where something lies that is not this run's."""
    what = "is a folder" if not is_url(target) and Path(target).is_dir() else "exists already"
    return RunError(
        f"the sink {target} {what}, and this run did not write it: nothing was overwritten. "
        f"Move it away, or choose another sink."
    )
