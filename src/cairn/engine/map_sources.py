"""Where items come from: JSON lines, CSV, Parquet, a folder of texts, a list.

A source is read from its beginning every time, a record at a time, and yields rows: an id and the
value as JSON. The id is a field of the record, or else its number, from 0.

A record that cannot be read ends the reading with one line that says where it is. A lenient source
yields a row with the fault instead, by the name of its place, so that the record is rejected and
the others are worked on.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, runtime_checkable

from cairn.core.errors import ConfigError, MissingExtraError, RunError, suggest
from cairn.engine.map_faults import faulty, long_lines, plain_table
from cairn.engine.map_files import LONGEST, File, Where, is_url, named, reading
from cairn.engine.map_folder import Folder
from cairn.engine.map_items import Row


@runtime_checkable
class Source(Protocol):
    """Where items come from."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def rows(self) -> Iterator[Row]:
        """All rows, from the first one on, the same ones every time.

        Raises RunError in one line for what cannot be read or is not what it should be.
        """
        ...


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def as_id(record: Any, field: str | None, number: int, place: str) -> str:
    """The id of record `number`: its field, or the number.

    Raises RunError for a record without the field, or with something else in it than a string or
    an integer.
    """
    if field is None:
        return str(number)
    if not isinstance(record, dict) or field not in record:
        near = suggest(field, record) if isinstance(record, dict) else ""
        raise RunError(f"{place} has no field {field!r}, from which its id is taken.{near}")
    found = record[field]
    if isinstance(found, str):
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    kind = type(found).__name__
    raise RunError(f"{place}: an id must be a string or an integer, got {kind} in {field!r}.")


def _lines(file: File, where: Where) -> Iterator[bytes]:
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        if len(line) == LONGEST and not line.endswith(b"\n"):
            raise RunError(
                f"line {number} of {where} is longer than {LONGEST // 2**20} MiB: is it JSON "
                f"lines, one record a line?"
            )
        yield line


@dataclass(frozen=True)
class JsonLines:
    """A JSON value a line. `where` may be a pattern (`data/*.jsonl`) and end in .gz."""

    where: Where
    id: str | None = None
    """The field that holds an item's id; None: the record's number."""
    lenient: bool = False
    """A line that cannot be read becomes a row with its fault."""

    @property
    def name(self) -> str:
        """The path."""
        return str(self.where)

    def rows(self) -> Iterator[Row]:
        """A row for every line that is not blank."""
        number = 0
        for where in named(self.where):
            with reading(where) as file:
                lines = long_lines(file) if self.lenient else _lines(file, where)
                for at, line in enumerate(lines, 1):
                    place = f"line {at} of {where}"
                    text = line.removeprefix(b"\xef\xbb\xbf" if at == 1 else b"").strip()
                    if not text:
                        continue
                    try:
                        yield self._row(text, number, place)
                    except RunError as error:
                        if not self.lenient:
                            raise
                        yield faulty(self.id, number, place, str(error))
                    number += 1

    def _row(self, text: bytes, number: int, place: str) -> Row:
        if len(text) >= LONGEST:
            raise RunError(f"{place} is longer than {LONGEST // 2**20} MiB.")
        try:
            record = _DECODER.decode(text.decode())
        except ValueError as error:
            raise RunError(f"{place} is not JSON: {error}.") from error
        except RecursionError:
            raise RunError(f"{place} is nested too deeply.") from None
        return Row(as_id(record, self.id, number, place), text)


@dataclass(frozen=True)
class Csv:
    """A table with a head line; every value is a string."""

    where: Where
    id: str | None = None
    """The column that holds an item's id; None: the record's number."""
    delimiter: str = ","
    lenient: bool = False
    """A record that cannot be read becomes a row with its fault."""

    @property
    def name(self) -> str:
        """The path."""
        return str(self.where)

    def rows(self) -> Iterator[Row]:
        """A row for every line of the table, as an object by column."""
        csv.field_size_limit(LONGEST)
        yield from self._leniently() if self.lenient else self._strictly()

    def _leniently(self) -> Iterator[Row]:
        number = 0
        for where in named(self.where):
            with reading(where) as file:
                for place, record, fault in plain_table(file, where, self.delimiter):
                    try:
                        if fault:
                            raise RunError(fault)
                        row_id = as_id(record, self.id, number, place)
                        yield Row(row_id, _ENCODER.encode(record).encode())
                    except RunError as error:
                        yield faulty(self.id, number, place, str(error))
                    number += 1

    def _strictly(self) -> Iterator[Row]:
        number = 0
        for where in named(self.where):
            with reading(where) as file:
                text = io.TextIOWrapper(file, "utf-8-sig", newline="")
                table = csv.reader(text, delimiter=self.delimiter, strict=True)
                try:
                    head = next(table, [])
                    if len(set(head)) < len(head):
                        raise RunError(f"{where} names a column twice in its first line.")
                    for cells in table:
                        if not cells:
                            continue
                        place = f"line {table.line_num} of {where}"
                        if len(cells) != len(head):
                            raise RunError(
                                f"{place} has {len(cells)} cells, its head has {len(head)}."
                            )
                        record = dict(zip(head, cells, strict=True))
                        row_id = as_id(record, self.id, number, place)
                        yield Row(row_id, _ENCODER.encode(record).encode())
                        number += 1
                except (csv.Error, UnicodeDecodeError) as error:
                    raise RunError(f"line {table.line_num} of {where}: {error}.") from error
                text.detach()


@dataclass(frozen=True)
class Parquet:
    """A Parquet file; needs `cairn[data]`."""

    where: Where
    id: str | None = None
    """The column that holds an item's id; None: the record's number."""
    lenient: bool = False
    """A row with values that JSON cannot hold becomes a row with its fault."""

    @property
    def name(self) -> str:
        """The path."""
        return str(self.where)

    def rows(self) -> Iterator[Row]:
        """A row for every row of the table, as an object by column."""
        pyarrow = pyarrow_for(self.where)
        number = 0
        for where in named(self.where):
            with reading(where) as file:
                try:
                    for batch in pyarrow.parquet.ParquetFile(file).iter_batches(batch_size=512):
                        for record in batch.to_pylist():
                            place = f"row {number} of {where}"
                            try:
                                row_id = as_id(record, self.id, number, place)
                                yield Row(row_id, self._encode(record, place))
                            except RunError as error:
                                if not self.lenient:
                                    raise
                                yield faulty(self.id, number, place, str(error))
                            number += 1
                except pyarrow.ArrowInvalid as error:
                    raise RunError(f"{where} is not a Parquet file: {error}.") from error

    def _encode(self, record: dict, place: str) -> bytes:
        try:
            return _ENCODER.encode(record).encode()
        except (TypeError, ValueError) as error:
            raise RunError(
                f"{place} holds what JSON cannot: {error}. Cast the column to text or numbers."
            ) from error


class Items:
    """Values in memory."""

    def __init__(self, values: Iterable[Any], id: str | None = None):
        """`id` names the field that holds an item's id; None: its number.

        Raises ConfigError for an iterator, which could be read only once.
        """
        if not isinstance(values, Iterable):
            raise ConfigError(
                f"a source is a path, a URL, a folder or a list of values, got {values!r}."
            )
        if iter(values) is values:
            raise ConfigError("a source is read more than once: give a list, not an iterator.")
        self.values, self.id = values, id

    @property
    def name(self) -> str:
        """How many there are, where that is known."""
        return f"a list of {len(self.values)}" if isinstance(self.values, Sequence) else "a list"

    def rows(self) -> Iterator[Row]:
        """A row for every value."""
        for number, value in enumerate(self.values):
            place = f"item {number} of the list"
            try:
                raw = _ENCODER.encode(value).encode()
            except (TypeError, ValueError) as error:
                raise RunError(f"{place} is not a JSON value without NaN: {error}.") from error
            yield Row(as_id(value, self.id, number, place), raw)


def source_at(
    where: "Where | Source | Iterable[Any]", id: str | None = None, *, lenient: bool = False
) -> Source:
    """The source that a path's ending, or a value's kind, stands for.

    Raises ConfigError for an ending that is none of .jsonl, .ndjson, .csv, .tsv and .parquet.
    """
    if isinstance(where, Source):
        return where
    if not isinstance(where, str | Path):
        return Items(where, id)
    name = str(where).removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson")):
        return JsonLines(where, id, lenient)
    if name.endswith((".csv", ".tsv")):
        return Csv(where, id, "\t" if name.endswith(".tsv") else ",", lenient)
    if name.endswith(".parquet"):
        return Parquet(where, id, lenient)
    if not is_url(where) and Path(where).is_dir():
        return Folder(where, lenient=lenient)
    raise ConfigError(
        f"what is {where}? Expected .jsonl, .ndjson, .csv, .tsv (also with .gz), .parquet or a "
        f"folder; name it by its class, for example JsonLines({name!r})."
    )


def pyarrow_for(where: Where) -> Any:
    """pyarrow, for what lies there. Raises MissingExtraError without it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(
            f'{where} needs pyarrow, which is missing: pip install "cairn[data]"'
        ) from None
    return pyarrow
