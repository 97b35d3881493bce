"""Where outcomes go: JSON lines, CSV, Parquet, a folder of texts.

A sink is written once, at the end, from the parts of all shards in the source's order, so its
bytes depend neither on how the items were cut into shards nor on who worked on them. It is written
beside its place first (`map_join`).
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, runtime_checkable

from cairn.core import files
from cairn.core.errors import ConfigError, RunError
from cairn.engine.map_files import File, Where, is_url, writing
from cairn.engine.map_sources import Folder, pyarrow_for

ROWS, BYTES = 10_000, 32 * 2**20
"""Where a Parquet row group ends, whichever comes first: by the results alone, so that the file's
bytes are theirs too, and few enough for the memory."""
Results = Callable[[], Iterable[tuple[str, bytes]]]
"""Ids and results (JSON text) in the source's order, from the beginning at every call."""


@runtime_checkable
class Sink(Protocol):
    """Where outcomes go."""

    @property
    def where(self) -> Where:
        """Its place in the end."""
        ...

    def check(self, item: str, value: Any) -> None:
        """Raise RunError if the result of an item cannot be written: when it comes, not at the
        end."""
        ...

    def write(self, where: Where, results: Results) -> str:
        """Write all results to a new file or folder; the digest of what was written."""
        ...


class Digesting:
    """A file that digests what goes through it."""

    def __init__(self, file: File):
        self.file = file
        self.seen = hashlib.blake2b(digest_size=16)
        self.closed = False

    def write(self, body: Any) -> int:
        """Write, and take into the digest."""
        self.seen.update(body)
        return self.file.write(body)

    def flush(self) -> None:
        """Hand on what is buffered."""
        self.file.flush()

    def writable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """No."""
        return False

    def seekable(self) -> bool:
        """No."""
        return False

    def close(self) -> None:
        """Nothing: whoever opened the file closes it."""


@dataclass(frozen=True)
class JsonLinesSink:
    """A result a line."""

    where: Where

    def check(self, item: str, value: Any) -> None:
        """Every JSON value is a line."""

    def write(self, where: Where, results: Results) -> str:
        """The lines."""
        with writing(where) as file:
            out = Digesting(file)
            for group in grouped(results()):
                out.write(b"".join([body + b"\n" for _, body in group]))
        return out.seen.hexdigest()


def grouped(results: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    """Results in groups of `ROWS`, or fewer where they are long."""
    group, length = [], 0
    for pair in results:
        group.append(pair)
        length += len(pair[1])
        if len(group) == ROWS or length >= BYTES:
            yield group
            group, length = [], 0
    if group:
        yield group


def _check_object(item: str, value: Any, kind: str) -> None:
    if not isinstance(value, dict):
        raise RunError(
            f"a {kind} sink takes objects, whose fields are its columns; the work returned "
            f"{type(value).__name__} for item {item!r}."
        )


@dataclass(frozen=True)
class CsvSink:
    """A table: a column for every field of any result, in the order in which they first come.

    What is neither text nor number stands as JSON; a field that a result does not have is empty.
    """

    where: Where
    delimiter: str = ","

    def check(self, item: str, value: Any) -> None:
        """Results must be objects."""
        _check_object(item, value, "CSV")

    def write(self, where: Where, results: Results) -> str:
        """The head and the rows: two passes over the results."""
        columns: dict[str, None] = {}
        for _, body in results():
            columns.update(dict.fromkeys(json.loads(body)))
        with writing(where) as file:
            out = Digesting(file)
            out.write(self._table(columns, [dict(zip(columns, columns, strict=True))]))
            for group in grouped(results()):
                out.write(self._table(columns, [json.loads(body) for _, body in group]))
        return out.seen.hexdigest()

    def _table(self, columns: Iterable[str], rows: Iterable[dict]) -> bytes:
        text = io.StringIO()
        table = csv.writer(text, delimiter=self.delimiter, lineterminator="\n")
        for row in rows:
            table.writerow([_cell(row[name]) if name in row else "" for name in columns])
        return text.getvalue().encode()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class ParquetSink:
    """A Parquet file; needs `cairn[data]`. Columns and their types are what all results share."""

    where: Where

    def check(self, item: str, value: Any) -> None:
        """Results must be objects."""
        _check_object(item, value, "Parquet")

    def write(self, where: Where, results: Results) -> str:
        """Row groups of fixed size, after a pass that finds columns and types."""
        return self.write_part(where, self.schema(results), results)

    def schema(self, results: Results) -> Any:
        """Columns and types of all results, as pyarrow has them."""
        pa = pyarrow_for(self.where)
        schema = pa.schema([])
        for found in (self._table(pa, rows).schema for rows in grouped(results())):
            try:
                schema = pa.unify_schemas([schema, found], promote_options="permissive")
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise self._mixed(error) from error
        return schema

    def write_part(self, where: Where, schema: Any, results: Results) -> str:
        """Write some results under a schema that others share; one pass, in row groups."""
        pa = pyarrow_for(where)
        with writing(where) as file:
            out = Digesting(file)
            with pa.parquet.ParquetWriter(out, schema) as writer:
                for rows in grouped(results()):
                    writer.write_table(self._table(pa, rows, schema), row_group_size=ROWS)
        return out.seen.hexdigest()

    def _table(self, pa: Any, rows: Iterable[tuple[str, bytes]], schema: Any = None) -> Any:
        records = [json.loads(body) for _, body in rows]
        # Not from_pylist, which takes the columns of the first record alone.
        columns = schema.names if schema else dict.fromkeys(name for row in records for name in row)
        try:
            arrays = {name: [record.get(name) for record in records] for name in columns}
            return pa.table(arrays, schema=schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise self._mixed(error) from error

    def _mixed(self, error: Exception) -> RunError:
        return RunError(
            f"the results do not fit into one Parquet table: {error}. Every outcome is kept: write "
            f"them as JSON lines instead (the same run with another sink)."
        )


@dataclass(frozen=True)
class FolderSink:
    """A text file an item, by its id; for results that are text."""

    where: Where
    ending: str = ""
    """Added to every id."""

    def check(self, item: str, value: Any) -> None:
        """Results must be text, and ids must be paths inside the folder."""
        if not isinstance(value, str):
            raise RunError(
                f"a folder takes text, a file an item; the work returned {type(value).__name__} "
                f"for item {item!r}."
            )
        self._file(item)

    def _file(self, item: str) -> str:
        name = item + self.ending
        path = PurePosixPath(name)
        plain = path.as_posix() == name and name != "." and "\0" not in name
        if not plain or path.is_absolute() or ".." in path.parts:
            raise RunError(f"the id {item!r} is no path inside a folder: choose another sink.")
        return name

    def write(self, where: Where, results: Results) -> str:
        """The files."""
        if not is_url(where):
            with files.writing(Path(where)):
                Path(where).mkdir(parents=True)
        total = 0
        for item, body in results():
            name, text = self._file(item), json.loads(body).encode("utf-8", "replace")
            with writing(f"{where}/{name}") as file:
                file.write(text)
            total += digest_of_file_in(name, text)
        return f"{total % 2**128:032x}"

    def digest(self, where: Where) -> str:
        """The digest of what lies there, as `write` reports it."""
        total = 0
        for row in Folder(where, "*").rows():
            total += digest_of_file_in(row.id, json.loads(row.raw)["text"].encode())
        return f"{total % 2**128:032x}"


def digest_of_file_in(name: str, text: bytes) -> int:
    """What a file adds to the digest of its folder."""
    # Summed over the files: whoever looks at a folder does not know the source's order.
    seen = hashlib.blake2b(b"%d:" % len(text) + text + name.encode(), digest_size=16)
    return int.from_bytes(seen.digest(), "big")


def sink_at(where: "Where | Sink | None") -> Sink | None:
    """The sink that a path's ending stands for; None keeps the outcomes in the run's parts.

    Raises ConfigError for an ending that is none of .jsonl, .ndjson, .csv, .tsv and .parquet.
    """
    if where is None or isinstance(where, Sink):
        return where
    if not isinstance(where, str | Path):
        raise ConfigError(f"a sink is a path, a URL or a Sink, got {where!r}.")
    name = str(where)
    if name.endswith((".jsonl", ".ndjson")):
        return JsonLinesSink(where)
    if name.endswith((".csv", ".tsv")):
        return CsvSink(where, "\t" if name.endswith(".tsv") else ",")
    if name.endswith(".parquet"):
        return ParquetSink(where)
    if name.endswith("/") or (not is_url(where) and Path(where).suffix == ""):
        return FolderSink(name.rstrip("/"))
    raise ConfigError(
        f"what should {where} be? Expected .jsonl, .ndjson, .csv, .tsv, .parquet, or a folder "
        f"(without an ending, or with a slash at the end)."
    )
