"""The folders of runs under a folder, nested ones too; what has not changed is not read again."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from cairn.core.redact import encodable

SIGNS = frozenset({"config.json", "versions.json", "metrics.jsonl", "journal.sqlite"})
"""A folder with one of these is a run, whole or broken, and nothing inside it is looked for."""
MOST = 20_000
"""Folders that are looked into."""
SETTLED_S = 2.0
"""A folder that changed so lately may have changed again within the grain of its clock."""


class Inside(NamedTuple):
    """What was found in a folder."""

    changed: int
    run: bool
    folders: tuple[str, ...]
    """Names of the folders in it, unless it is a run."""


class Walk:
    """All runs under a folder. Links are not followed, so that no loop and no way out is."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.problems: list[str] = []
        """Folders that could not be looked into, in a line each."""
        self._known: dict[str, Inside] = {}

    def runs(self) -> list[str]:
        """Their paths under the folder, by name; "" is the folder itself.

        Hidden folders are left out: a run is built in one before it gets its name.
        """
        self.problems, found = [], []
        known, self._known = self._known, {}
        waiting = [""]
        while waiting:
            name = waiting.pop()
            if len(self._known) == MOST:
                self.problems.append(
                    f"{self.folder} holds more than {MOST:,} folders: the others are left out. "
                    f"Give the folder of the runs themselves."
                )
                break
            try:
                inside = self._look(name, known.get(name))
            except OSError as error:
                if name and isinstance(error, FileNotFoundError):
                    continue  # deleted while we looked
                where = self.folder / name
                self.problems.append(f"{where} cannot be looked into: {error.strerror}.")
                continue
            self._known[name] = inside
            if inside.run:
                found.append(name)
            waiting += [f"{name}/{one}" if name else one for one in inside.folders]
        return sorted(found)

    def is_run(self, name: str) -> bool:
        """Whether the folder of that path under this one is a run, now."""
        return any(os.path.lexists(self.folder / name / sign) for sign in SIGNS)

    def _look(self, name: str, known: Inside | None) -> Inside:
        path = f"{self.folder}/{name}"
        changed = os.stat(path, follow_symlinks=not name).st_mtime_ns
        if known is not None and known.changed == changed:
            return known
        with os.scandir(path) as listed:
            entries = list(listed)
        # An address is of one line: of two it would be no run's, or another's.
        names = [entry.name for entry in entries]
        strange = [name for name in names if encodable(name) != name or "\n" in name]
        for one in strange:
            self.problems.append(
                f"{encodable(one)!r} in {path} has no name in UTF-8 on one line: rename it."
            )
        run = not SIGNS.isdisjoint(names)
        folders = () if run else tuple(
            entry.name
            for entry in entries
            if not entry.name.startswith(".")
            and entry.name not in strange
            and entry.is_dir(follow_symlinks=False)
        )  # fmt: skip
        settled = time.time_ns() - changed > SETTLED_S * 1e9
        return Inside(changed if settled else -1, run, folders)
