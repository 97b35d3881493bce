"""A database of tables to ask: an SQLite file as it stands, or CSV tables read into memory."""

import csv
import hashlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from cairn.core.errors import RunError, reason
from cairn.refine.source2synth import sql
from cairn.refine.source2synth.sql import Cell, Limits, SqlError, cell_text

SQLITE = (".db", ".sqlite", ".sqlite3")
CSV = (".csv", ".tsv")
_MAGIC = b"SQLite format 3\0"
_WAL = 2
"""Bytes 18 and 19 of a database that keeps a write-ahead log."""
_PATIENCE = 500
"""Hundred thousands of SQLite's steps that counting the rows of a view may take."""
_INTEGER, _REAL = (
    re.compile(r"[+-]?(0|[1-9]\d{0,17})", re.A),
    re.compile(r"[+-]?((0|[1-9]\d{0,14})(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.A | re.I),
)
"""What loses nothing as a number: 02134 is a postal code, and 19 digits are an identifier."""


class Table(NamedTuple):
    """A table or a view."""

    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    """Declared types, as they stand."""
    rows: int


@dataclass(frozen=True)
class Database:
    """Tables, opened for reading."""

    connection: sqlite3.Connection
    tables: tuple[Table, ...]
    limits: Limits

    def answer(self, text: str) -> sql.Answer:
        """What SQL finds. Raises SqlError."""
        return sql.answer(self.connection, text, [table.name for table in self.tables], self.limits)

    def row(self, table: Table, number: int) -> tuple[Cell, ...]:
        """Row `number` of a table, from 0, in the order in which SQLite reads it.

        Raises SqlError for one with a value that is too large.
        """
        asked = f"SELECT * FROM {quoted(table.name)} LIMIT 1 OFFSET ?"
        try:
            found = self.connection.execute(asked, (number,)).fetchone()
        except sqlite3.DataError:
            raise SqlError("too-large") from None
        return tuple(None if isinstance(cell, bytes) else cell for cell in found)

    def shown(self, table: Table, number: int, *, around: int) -> str:
        """A table as prompts show it: its columns with types, and the rows about `number`."""
        columns = ", ".join(
            f"{quoted(name)} {kind}".strip()
            for name, kind in zip(table.columns, table.kinds, strict=True)
        )
        first = max(min(number - around // 2, table.rows - around), 0)
        numbers = range(first, min(first + around, table.rows))
        lines = [" | ".join(map(cell_text, self.row(table, n))) for n in numbers]
        head = f"table {quoted(table.name)} ({columns}), {table.rows} rows"
        return "\n".join([f"{head}; rows {first} to {first + len(lines) - 1}:", *lines])


def open_database(source: Path, limits: Limits) -> Database:
    """The tables of an SQLite file, a CSV file, or a folder of CSV files; nothing is written.

    Raises RunError for what cannot be read, and where there is no table with a row.
    """
    try:
        connection = _sqlite(source) if source.suffix in SQLITE else _loaded(source)
        tables = tuple(table for table in _tables(connection) if table.rows)
        sql.guarded(connection, limits)
    except sqlite3.Error as error:
        raise RunError(f"{source} cannot be read as a database: {error}.") from None
    if not tables:
        raise RunError(f"{source} has no table with a row in it: there is nothing to ask about.")
    return Database(connection, tables, limits)


def digest(source: Path) -> str:
    """Over the bytes of the files that the tables are read from."""
    seen = hashlib.blake2b(digest_size=16)
    for path in _files(source):
        seen.update(f"{path.name}\0".encode())
        try:
            with path.open("rb") as file:
                while block := file.read(2**20):
                    seen.update(block)
        except OSError as error:
            raise RunError(f"{path} cannot be read: {reason(error)}.") from None
    return seen.hexdigest()


def quoted(name: str) -> str:
    """An identifier as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _sqlite(path: Path) -> sqlite3.Connection:
    try:
        with path.open("rb") as file:
            head = file.read(20)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {reason(error)}.") from None
    if not head.startswith(_MAGIC):
        raise RunError(f"{path} is not an SQLite database.")
    for ending in ("-wal", "-journal"):
        beside = path.with_name(path.name + ending)
        if beside.exists() and beside.stat().st_size:
            raise RunError(
                f"{path} is being written to, or was not closed ({beside.name} lies beside it): "
                f"close it, or give a copy made by `sqlite3 {path.name} .backup`."
            )
    # Of a database with a write-ahead log even a reader makes files beside it; a closed one whose
    # log is empty is whole, and can be read as a file that nobody changes.
    more = "&immutable=1" if head[18:20] == bytes([_WAL, _WAL]) else ""
    place = f"file:{quote(str(path.resolve()))}?mode=ro{more}"
    return sqlite3.connect(
        place, uri=True, isolation_level=None, cached_statements=0, check_same_thread=False
    )


def _tables(connection: sqlite3.Connection) -> Iterator[Table]:
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    names = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "AND coalesce(sql, '') NOT LIKE 'CREATE VIRTUAL%' ORDER BY name"
    ).fetchall()
    for (name,) in names:
        described = connection.execute(f"PRAGMA table_info({quoted(name)})").fetchall()
        rows = _count(connection, name)
        columns = tuple(column[1] for column in described)
        yield Table(name, columns, tuple(column[2] for column in described), rows)


def _count(connection: sqlite3.Connection, name: str) -> int:
    """Rows of a table; 0 of a view that cannot be read, or not in a few seconds."""
    looks = iter(range(_PATIENCE))
    connection.set_progress_handler(lambda: next(looks, None) is None, 100_000)
    try:
        return connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.set_progress_handler(None, 0)


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        found = sorted(path for path in source.iterdir() if path.suffix in CSV)
        if not found:
            raise RunError(f"{source} holds no .csv or .tsv file.")
        return found
    if not source.exists():
        raise RunError(f"{source} does not exist; expected tables in {', '.join(SQLITE + CSV)}.")
    if source.suffix not in SQLITE + CSV:
        raise RunError(
            f"{source} cannot be read as tables: expected a file in {', '.join(SQLITE + CSV)}, or "
            f"a folder of CSV files."
        )
    return [source]


def _loaded(source: Path) -> sqlite3.Connection:
    """CSV files as tables in memory, each named like its file."""
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, cached_statements=0, check_same_thread=False
    )
    taken: dict[str, Path] = {}
    for path in _files(source):
        name = re.sub(r"\W+", "_", path.stem) or "table"
        if name.lower() in taken:
            raise RunError(f"{path} and {taken[name.lower()]} would both be the table {name!r}.")
        taken[name.lower()] = path
        _load(connection, path, name)
    return connection


def _load(connection: sqlite3.Connection, path: Path, name: str) -> None:
    head, rows = _read(path)
    if not head or not all(head) or len({column.lower() for column in head}) < len(head):
        raise RunError(f"{path}: its first line must name each column, and each only once.")
    kinds = [_kind([row[at] for row in rows]) for at in range(len(head))]
    columns = ", ".join(f"{quoted(h)} {k}" for h, k in zip(head, kinds, strict=True))
    connection.execute(f"CREATE TABLE {quoted(name)} ({columns})")
    places = ", ".join("?" * len(head))
    # SQLite itself turns the text of a number into one in a column of that type.
    connection.executemany(
        f"INSERT INTO {quoted(name)} VALUES ({places})",
        ([cell.strip() or None for cell in row] for row in rows),
    )


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    delimiter = "\t" if path.suffix == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.reader(file, delimiter=delimiter, strict=True)
            head = [column.strip() for column in next(table, [])]
            rows = []
            for row in filter(None, table):
                if len(row) != len(head):
                    raise RunError(
                        f"line {table.line_num} of {path} has {len(row)} cells, its head has "
                        f"{len(head)}."
                    )
                rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} cannot be read as a table: {reason(error)}.") from None
    return head, rows


def _kind(cells: list[str]) -> str:
    """The type of a column: that of all cells that are not empty."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if filled and all(map(_INTEGER.fullmatch, filled)):
        return "INTEGER"
    if filled and all(map(_REAL.fullmatch, filled)):
        return "REAL"
    return "TEXT"
