"""What is refined and where it goes: files, folders and URLs on the map's sources and sinks.

Sources are lenient: a record that cannot be read is a reject, and no record is left out.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, RunError, suggest
from cairn.engine.map_files import Where, exists, is_url, reading, writing
from cairn.engine.map_sinks import FolderSink, Results, Sink, digest_of_file_in, sink_at
from cairn.engine.map_sources import Folder, Source, source_at
from cairn.refine.places import LISTED, SIGNS

MOST_NAMES = 20
"""Fields that a message lists."""


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
