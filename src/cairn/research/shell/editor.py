"""The file commands of MLGym's shell, on files in memory: windows, edits, searches.

Nathani et al. 2025, arXiv:2502.14499, after SWE-agent (arXiv:2405.15793). An edit that would make a
Python file one that cannot be parsed is refused, and the file is left as it was.
"""

import ast
import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

WINDOW = 1000
"""Lines shown at once, as in MLGym."""
HITS = 100
"""Most hits of a search."""


class CommandError(Exception):
    """A command that cannot be carried out: the agent is told why."""


@dataclass(frozen=True)
class Desk:
    """Files, the open one, and the first line of its window (from 1)."""

    files: Mapping[str, bytes]
    name: str = ""
    line: int = 1


def text(desk: Desk, name: str) -> str:
    """A file as text."""
    if name not in desk.files:
        raise CommandError(f"There is no file {name}.")
    try:
        return desk.files[name].decode()
    except UnicodeDecodeError:
        raise CommandError(f"{name} is no text.") from None


def window(desk: Desk) -> str:
    """What is in sight of the open file."""
    if not desk.name:
        raise CommandError("No file is open: use `open PATH` first.")
    lines = text(desk, desk.name).splitlines()
    first = max(0, min(desk.line - 1, len(lines) - 1))
    seen = lines[first : first + WINDOW]
    body = "\n".join(f"{first + i + 1}: {line}" for i, line in enumerate(seen))
    below = max(0, len(lines) - first - WINDOW)
    return f"[File: {desk.name} ({len(lines)} lines)]\n({first} above)\n{body}\n({below} below)"


def opened(desk: Desk, name: str, line: int = 1) -> Desk:
    """The desk with a file open, the line in the middle of its window."""
    lines = max(1, len(text(desk, name).splitlines()))
    if not 1 <= line <= lines:
        raise CommandError(f"{name} has lines 1 to {lines}, got {line}.")
    return replace(desk, name=name, line=max(1, line - WINDOW // 2))


def scrolled(desk: Desk, by: int) -> Desk:
    """The window moved by so many lines."""
    window(desk)
    return replace(desk, line=max(1, desk.line + by))


def created(desk: Desk, name: str) -> Desk:
    """A new, empty file, open."""
    if name in desk.files:
        raise CommandError(f"{name} is there already.")
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise CommandError(f"{name!r} is no name within the folder.")
    return Desk({**desk.files, name: b"\n"}, name)


def edited(desk: Desk, first: int, last: int, lines: str) -> Desk:
    """Lines `first` to `last` (from 1, both included) of the open file replaced."""
    window(desk)
    old = text(desk, desk.name).splitlines()
    if not (1 <= first <= last <= max(1, len(old))):
        raise CommandError(
            f"edit needs 1 <= start <= end <= {max(1, len(old))}, got {first}:{last}."
        )
    return _written(desk, old[: first - 1] + lines.splitlines() + old[last:])


def inserted(desk: Desk, after: int, lines: str) -> Desk:
    """Lines put behind line `after` of the open file (0: at its beginning)."""
    window(desk)
    old = text(desk, desk.name).splitlines()
    if not 0 <= after <= len(old):
        raise CommandError(f"insert needs a line from 0 to {len(old)}, got {after}.")
    return _written(desk, old[:after] + lines.splitlines() + old[after:])


def _written(desk: Desk, lines: list[str]) -> Desk:
    body = "\n".join(lines) + "\n"
    if desk.name.endswith(".py"):
        try:
            ast.parse(body)
        except (SyntaxError, ValueError) as error:
            where = f"line {error.lineno}: " if isinstance(error, SyntaxError) else ""
            raise CommandError(
                f"The edit was not made, since the file could not be parsed then: {where}{error}"
            ) from None
    return replace(desk, files={**desk.files, desk.name: body.encode()})


def searched(desk: Desk, words: str, inside: str = "", *, one: bool = False) -> str:
    """Lines that hold `words`, in one file or in all below a folder."""
    if one:
        inside = inside or desk.name
        names = [inside]
        text(desk, inside)
    else:
        prefix = inside.strip("./")
        names = [n for n in sorted(desk.files) if not prefix or n.startswith(prefix + "/")]
    hits = []
    for name in names:
        try:
            lines = text(desk, name).splitlines()
        except CommandError:
            continue  # no text
        hits += [f"{name}:{i}: {line}" for i, line in enumerate(lines, 1) if words in line]
    if not hits:
        return f"Nothing holds {words!r}."
    more = f"\n… and {len(hits) - HITS} more" if len(hits) > HITS else ""
    return "\n".join(hits[:HITS]) + more


def named(desk: Desk, pattern: str, inside: str = "") -> str:
    """Files whose name fits a pattern."""
    prefix = inside.strip("./")
    hits = [
        name for name in sorted(desk.files)
        if fnmatch.fnmatch(name.rpartition("/")[2], pattern)
        and (not prefix or name.startswith(prefix + "/"))
    ]  # fmt: skip
    return "\n".join(hits) or f"No file is called {pattern}."


EDIT = re.compile(r"edit (\d+):(\d+)\n(.*?)\n?end_of_edit\s*$", re.S)
INSERT = re.compile(r"insert (\d+)\n(.*?)\n?end_of_insert\s*$", re.S)
