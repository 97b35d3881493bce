"""A folder of texts as a source: a file an item."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from cairn.core.errors import RunError
from cairn.engine.map_files import LONGEST, Where, filesystem, is_url, reading
from cairn.engine.map_items import Row


@dataclass(frozen=True)
class Folder:
    """A folder of UTF-8 text files: a file is an item `{"text": ...}`, its path in it the id."""

    where: Where
    pattern: str | tuple[str, ...] = "*.txt"
    """Which files, by name, in this folder and those inside it; several: files that fit one."""
    lenient: bool = False
    """A file that cannot be read becomes a row with its fault."""

    @property
    def name(self) -> str:
        """The path."""
        return str(self.where)

    def rows(self) -> Iterator[Row]:
        """A row for every file, by path. Raises RunError if there is none."""
        name = None
        for name, where in self._files():
            try:
                body = _whole(where)
                yield Row(name, _as_json(body.decode()))
            except (RunError, UnicodeDecodeError) as error:
                fault = str(error)
                if isinstance(error, UnicodeDecodeError):
                    fault = f"{where} is not UTF-8 text: {error}."
                if not self.lenient:
                    raise RunError(fault) from error
                yield Row(name, b"null", fault)
        if name is None:
            called = " or ".join(self._patterns)
            raise RunError(
                f"the folder {self.where} holds no file called {called}, nor does a folder "
                f"inside it. Name others by Folder({str(self.where)!r}, pattern=...)."
            )

    @property
    def _patterns(self) -> tuple[str, ...]:
        return (self.pattern,) if isinstance(self.pattern, str) else self.pattern

    def _fits(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self._patterns)

    def _files(self) -> Iterator[tuple[str, Where]]:
        if is_url(self.where):
            system, root = filesystem(self.where)
            for path in sorted(system.find(root)):
                if self._fits(path.rpartition("/")[2]):
                    yield path[len(root) :].lstrip("/"), system.unstrip_protocol(path)
            return
        root = Path(self.where)
        if not root.is_dir():
            raise RunError(f"the source {root} is no folder.")
        yield from self._within(root, "")

    def _within(self, folder: Path, prefix: str) -> Iterator[tuple[str, Where]]:
        """By path, with no more than one folder's names in memory at each depth."""
        with os.scandir(folder) as entries:
            # A slash at its end puts a folder where its files' paths stand among their neighbours.
            found = sorted(
                f"{e.name}/" if e.is_dir(follow_symlinks=False) else e.name for e in entries
            )
        for name in found:
            path = folder / name
            if name.endswith("/"):
                yield from self._within(path, prefix + name)
            # To be lenient is to leave out nothing: a link that leads nowhere has its row too.
            elif self._fits(name) and (path.is_file() or (self.lenient and not path.is_dir())):
                yield prefix + name, path


def _whole(where: Where) -> bytes:
    if not is_url(where) and os.path.lexists(where) and not os.path.isfile(where):
        raise RunError(f"{where} cannot be read: it is no file, or a link that leads nowhere.")
    with reading(where) as file:
        body = file.read(LONGEST + 1)
    if len(body) > LONGEST:
        raise RunError(f"{where} is longer than {LONGEST // 2**20} MiB.")
    return body


def _as_json(text: str) -> bytes:
    return json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":")).encode()
