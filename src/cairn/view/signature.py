"""What a run on disk looks like from outside: who made it, and whether anything changed."""

import os
from pathlib import Path

from cairn.core.directory import read_object

Signature = tuple[tuple[str, int, int, int], ...]
"""Name, size, time of change (ns) and inode of the files that panels are made from."""
FILES = ("config.json", "summary.json", "verdicts.jsonl", "journal.sqlite", "journal.sqlite-wal")


def signature(path: Path) -> Signature:
    """Equal as long as every panel of the run is."""
    checkpoints = path / "checkpoints"
    try:
        newest = [max(name for name in os.listdir(checkpoints) if name.startswith("step-"))]
    except (OSError, ValueError):
        newest = []
    found = []
    for file in [*(path / name for name in FILES), *(checkpoints / name for name in newest)]:
        try:
            told = file.stat()
        except OSError:
            continue
        found.append((file.name, told.st_size, told.st_mtime_ns, told.st_ino))
    return tuple(found)


def command(path: Path) -> str:
    """What makes such runs. Raises RunError if the directory is none of a run."""
    return str(read_object(path / "versions.json").get("command", "cairn train"))
