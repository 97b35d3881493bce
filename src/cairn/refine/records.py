"""What is refined and where it goes: files, folders and URLs on the map's sources and sinks.

Sources are lenient: a record that cannot be read is a reject, and no record is left out.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, RunError, suggest
from cairn.engine.map_files import Where, exists, is_url, reading, writing
from cairn.engine.map_sinks import FolderSink, Results, Sink, digest_of_file_in, sink_at
from cairn.engine.map_sources import Folder, Source, source_at

SIGNS = frozenset("*?[")
"""What makes a path a pattern of paths."""
MOST_NAMES = 20
"""Fields that a message lists."""
LISTED = "_refined.jsonl"
"""In a folder of output: where each of its files comes from, a line a file."""


def source(where: str, *, id_field: str | None, files: Sequence[str]) -> Source:
    """The source at a path or URL. `files`: patterns of names, for a folder.

    Raises ConfigError for an ending that means nothing, and RunError for what is not there.
    """
    folder = where.endswith("/") if is_url(where) else Path(where).is_dir()
    if folder:
        if id_field is not None:
            raise ConfigError("--id names a field, and a folder has none: its files are their ids.")
        return Folder(where.rstrip("/"), tuple(files) or ("*",), lenient=True)
    if files:
        raise ConfigError(f"--files goes with a folder, and {where} is none.")
    pattern = SIGNS & set(where)
    if not is_url(where) and not pattern and not Path(where).exists():
        raise RunError(f"{where} does not exist: expected a file or a folder to read.")
    return source_at(where, id_field, lenient=True)


def sink(where: str, provenance: str) -> Sink:
    """The sink at a path or URL. Raises ConfigError for an ending that means nothing."""
    found = sink_at(where)
    if isinstance(found, FolderSink):
        return RefinedFolder(found.where, provenance=provenance)
    assert found is not None
    return found


@dataclass(frozen=True)
class RefinedFolder(FolderSink):
    """A file an item, by its id; and one file more that says where they come from."""

    provenance: str = "refined"

    def check(self, item: str, value: Any) -> None:
        """Ids must be paths inside the folder, and other than the list's."""
        super().check(item, value["text"])
        if item == LISTED:
            raise RunError(
                f"a file is called {LISTED}, as is the list that the output folder gets: "
                f"rename it, or write to a .jsonl file."
            )

    def write(self, where: Where, results: Results) -> str:
        """The files, and the list."""
        lines: list[bytes] = []

        def texts() -> Iterator[tuple[str, bytes]]:
            for item, body in results():
                row = json.loads(body)
                made = {"id": item, self.provenance: row[self.provenance]}
                lines.append(json.dumps(made, ensure_ascii=False).encode("utf-8", "replace"))
                yield item, json.dumps(row["text"]).encode()

        total = int(super().write(where, texts), 16)
        listed = b"".join(line + b"\n" for line in lines)
        with writing(f"{where}/{LISTED}") as file:
            file.write(listed)
        return f"{(total + digest_of_file_in(LISTED, listed)) % 2**128:032x}"


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


def check_fields(found: Source, text: Sequence[str]) -> None:
    """Look at the first record that can be read: raise RunError unless it has the fields.

    A later record without them is a reject; where the first has none, the field's name is wrong.
    """
    every: Any = found.rows()
    with closing(every) as rows:
        row = next(rows, None)
        if row is None:
            raise RunError(f"{found.name} holds no record: there is nothing to refine.")
        while row is not None and row.fault:
            row = next(rows, None)
    if row is None:
        return  # all of them are rejects, and said to be
    record = json.loads(row.raw)
    if isinstance(record, dict):
        missing = next((name for name in text if name not in record), None)
    else:
        missing = None if isinstance(record, str) and tuple(text) == ("text",) else text[0]
        record = {}
    if missing is not None:
        # Of a table without a header the first row counts as one, and is what must not be shown.
        named = len(record) <= MOST_NAMES and all(map(str.isidentifier, record))
        names = f"are {', '.join(record)}" if named else f"number {len(record)}"
        there = f" Its fields {names}." if record else ""
        raise RunError(
            f"the first record of {found.name} has no field {missing!r}; name the field that "
            f"holds the text by --text.{suggest(missing, record if named else ())}{there}"
        )


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


def written(where: str, provenance: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of an output in their order, each with the id of its source.

    Raises RunError for an output that is gone, or that no run of `cairn refine` wrote.
    """
    if isinstance(sink(where, provenance), RefinedFolder):
        yield from _files(where, provenance)
        return
    if not exists(where):
        raise RunError(f"the output {where} is gone.")
    for row in source_at(where).rows():
        record = json.loads(row.raw)
        made = record.get(provenance)
        if isinstance(made, str):  # a cell of a table
            made = record[provenance] = json.loads(made)
        if not isinstance(made, dict):
            raise RunError(f"{where} has a row without {provenance!r}: no run of cairn wrote it.")
        yield made["source_id"], record


def _files(where: str, provenance: str) -> Iterator[tuple[str, dict[str, Any]]]:
    root = where.rstrip("/")
    with reading(f"{root}/{LISTED}") as file:
        for line in file:
            made = json.loads(line)
            with reading(f"{root}/{made['id']}") as body:
                text = body.read().decode("utf-8", "replace")
            yield made["id"], {"text": text, provenance: made[provenance]}
