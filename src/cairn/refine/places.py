"""Where input, output and run of a refinement lie, and that none of them is in another's way."""

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from cairn.core.errors import ConfigError
from cairn.engine.map_files import is_url
from cairn.engine.map_sinks import FolderSink, sink_at

SIGNS = frozenset("*?[")
"""What makes a path a pattern of paths."""
LISTED = "_refined.jsonl"
"""In a folder of output: where each of its files comes from, a line a file."""


def check_places(given: str, wanted: str) -> None:
    """Raise ConfigError where the output, or its list of rejects, would lie in the input or be it.

    What fits a pattern of the input counts even if it is not there yet: the next start would read
    it.
    """
    made = [wanted.rstrip("/"), f"{wanted.rstrip('/')}.rejects.jsonl"]
    if isinstance(sink_at(wanted), FolderSink):
        made.append(f"{wanted.rstrip('/')}/{LISTED}")
    if is_url(given) or is_url(wanted):
        pattern = given.rstrip("/")
        same = pattern in made or any(_fits(name, pattern) for name in made)
    else:
        pattern = _resolved(given)
        here, paths = Path(pattern), [Path(name).resolve() for name in made]
        same = here in paths or any(_fits(str(path), pattern) for path in paths)
        same = same or (here.is_dir() and paths[0].is_relative_to(here))
    if same:
        raise ConfigError(
            f"the output {wanted} is, or lies in, the input {given}: it would be read as input. "
            f"Choose another place."
        )


def _resolved(given: str) -> str:
    """A path or pattern, absolute and without links as far as it says where that is."""
    parts = Path(given).parts
    at = next((n for n, part in enumerate(parts) if SIGNS & set(part)), len(parts))
    return str(Path(*parts[:at]).resolve().joinpath(*parts[at:]))


def _fits(name: str, pattern: str) -> bool:
    """Whether the glob of a pattern finds a name: `**` stands for any folders, `*` for no slash
    and no dot at the front."""

    def fits(names: Sequence[str], signs: Sequence[str]) -> bool:
        if not signs:
            return not names
        if signs[0] == "**":
            return any(fits(names[n:], signs[1:]) for n in range(len(names) + 1))
        if not names or (names[0].startswith(".") and not signs[0].startswith(".")):
            return False
        return fnmatchcase(names[0], signs[0]) and fits(names[1:], signs[1:])

    return bool(SIGNS & set(pattern)) and fits(name.split("/"), pattern.split("/"))


def default_run(given: str, wanted: str) -> Path:
    """Where a run lies unless somebody says otherwise: beside the input, which is as private.

    For a URL, a pattern, and where nothing can be written beside the input: beside the output.
    Raises ConfigError where neither input nor output names a place on this machine.
    """
    pattern = SIGNS & set(given)
    if not is_url(given) and not pattern:
        place = _run_of(given)
        if place is not None and os.access(place.parent, os.W_OK):
            return place
    place = None if is_url(wanted) else _run_of(wanted)
    if place is not None:
        return place
    raise ConfigError(f"name a directory for the run by --run: {given} is no place for one.")


def _run_of(where: str) -> Path | None:
    """The directory beside a path; None for the root of all, which nothing lies beside."""
    place = Path(where)
    if place.name in ("", ".."):  # `.` and its like: its own name is that of the folder
        place = Path(os.path.abspath(where))
    return place.with_name(f"{place.name}.refine") if place.name else None
