"""SQL that a model wrote, really executed and harmless: reads of the tables and nothing else.

Four fences around SQLite, each of which would do alone for most of what can go wrong: the file is
opened read-only; an authorizer lets SELECT, reads of the tables and functions of a list pass when
the statement is compiled; a progress handler ends it after so many steps of SQLite's machine, the
same number on every machine; and the lengths of values and of the result are limited. Memory is
bounded since what is sorted or grouped goes to SQLite's own unlinked temporary files.
"""

import math
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from cairn.core.errors import CairnError, ConfigError

Cell = int | float | str | None
TIMES = ("date", "time", "datetime", "julianday", "unixepoch", "strftime")
"""Functions of a moment; those that would ask the clock, or where the machine stands, fail."""
_NAMES = """
abs avg ceil ceiling coalesce concat concat_ws count cume_dist dense_rank exp first_value floor
format glob group_concat hex ifnull iif instr lag last_value lead length like ln log log10 log2
lower ltrim max min mod nth_value ntile nullif percent_rank pi pow power printf quote rank replace
round row_number rtrim sign sqrt string_agg substr substring sum total trim trunc typeof unicode
upper
"""
FUNCTIONS = frozenset([*_NAMES.split(), *TIMES])
"""What may be called. Not random(), the clock, changes(), load_extension() and their kin."""
_BEGINS = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*(?:SELECT|WITH)\b", re.I | re.S)
_CLOCK = {"now", "localtime", "utc"}


class SqlError(CairnError):
    """SQL that gives no answer; `code` says why, in one word of `CODES`."""

    def __init__(self, code: str):
        super().__init__(CODES[code])
        self.code = code


CODES = {
    "no-select": "it is no SELECT",
    "not-allowed": "it asks for more than reading the tables with functions of the list",
    "failed": "SQLite cannot run it",
    "too-many-steps": "it takes more steps than it may",
    "too-large": "its result, or a value in it, is larger than it may be",
    "reads-nothing": "it reads no table",
    "empty": "it finds nothing",
    "no-value": "its result holds what is neither text nor a finite number",
    "changing": "its result depends on the order in which SQLite happens to read rows",
}
"""Why SQL gives no answer. None of these repeats a word of the SQL or of the tables."""


@dataclass(frozen=True)
class Limits:
    """What one statement may take."""

    steps: int = 2_000_000
    """Of SQLite's virtual machine; about a tenth of a second."""
    rows: int = 20
    """Of the result."""
    characters: int = 2_000
    """Of the result as text."""
    value_bytes: int = 65_536
    """Longest value anywhere on the way, also in a table."""

    def __post_init__(self):
        for name, value in vars(self).items():
            if value < 1:
                raise ConfigError(f"sql.{name} must be at least 1, got {value}.")


class Answer(NamedTuple):
    """What a statement found."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """In the statement's order; sorted where the statement leaves the order open."""
    tables: tuple[str, ...]
    """That were read, by name."""

    @property
    def text(self) -> str:
        """The rows as text: cells by commas, rows by semicolons."""
        return "; ".join(", ".join(map(cell_text, row)) for row in self.rows)


def cell_text(value: Cell) -> str:
    """A cell as people write it; a missing one is `none`."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def answer(
    connection: sqlite3.Connection, sql: str, known: Iterable[str], limits: Limits
) -> Answer:
    """What `sql` finds in the tables `known`, in either order of reading.

    The connection must be `guarded`. Raises SqlError.
    """
    if not _BEGINS.match(sql):
        raise SqlError("no-select")
    guard = _Guard(frozenset(name.lower() for name in known))
    columns, forth = _run(connection, sql, guard, limits, backwards=False)
    if not guard.read:
        raise SqlError("reads-nothing")
    _, back = _run(connection, sql, guard, limits, backwards=True)
    rows = _agreed(forth, back)
    if all(cell is None for row in rows for cell in row):
        raise SqlError("empty")
    found = Answer(columns, rows, tuple(sorted(guard.read)))
    if len(found.text) > limits.characters:
        raise SqlError("too-large")
    return found


def guarded(connection: sqlite3.Connection, limits: Limits) -> sqlite3.Connection:
    """The connection with its limits set and functions of the clock replaced; reads only."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.value_bytes)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, 10_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100)
    connection.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 20)
    connection.setlimit(sqlite3.SQLITE_LIMIT_VDBE_OP, 100_000)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100)
    connection.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
    for pragma in ("query_only = ON", "trusted_schema = OFF", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}")
    aside = sqlite3.connect(":memory:", check_same_thread=False)
    for name in TIMES:
        connection.create_function(name, -1, _Timeless(aside, name), deterministic=True)
    return connection


class _Timeless:
    """A function of a moment that never asks for the present one."""

    def __init__(self, aside: sqlite3.Connection, name: str):
        self.aside, self.name = aside, name
        self.least = 2 if name == "strftime" else 1

    def __call__(self, *given: Any) -> Cell:
        words = [word.strip().lower() for word in given if isinstance(word, str)]
        if len(given) < self.least or _CLOCK.intersection(words):
            raise ValueError("the clock")
        places = ", ".join("?" * len(given))
        return self.aside.execute(f"SELECT {self.name}({places})", given).fetchone()[0]


class _Guard:
    """Asked for every action of a statement when it is compiled."""

    def __init__(self, known: frozenset[str]):
        self.known = known
        self.read: set[str] = set()
        self.denied = False

    def __call__(self, action: int, first: Any, second: Any, database: Any, _: Any) -> int:
        if self._allows(action, first, second, database):
            return sqlite3.SQLITE_OK
        self.denied = True
        return sqlite3.SQLITE_DENY

    def _allows(self, action: int, first: Any, second: Any, database: Any) -> bool:
        if action == sqlite3.SQLITE_SELECT:
            return True
        if action == sqlite3.SQLITE_FUNCTION:
            return str(second).lower() in FUNCTIONS
        if action != sqlite3.SQLITE_READ:
            return False
        name = str(first).lower()
        if name in self.known and database in ("main", None):
            self.read.add(name)
            return True
        # A count of the rows of a subquery under its own name: no column is read, of no database.
        return database is None and not second and not name.startswith("sqlite_")


def _run(
    connection: sqlite3.Connection, sql: str, guard: _Guard, limits: Limits, *, backwards: bool
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """One reading; SQLite takes rows whose order is open the other way round if `backwards`."""
    connection.set_authorizer(None)
    if backwards:
        connection.execute("PRAGMA reverse_unordered_selects = ON")
    connection.set_authorizer(guard)
    spent = 0
    every = min(1000, limits.steps)

    def over() -> bool:
        nonlocal spent
        spent += every
        return spent > limits.steps

    connection.set_progress_handler(over, every)
    try:
        cursor = connection.execute(sql)
        rows = cursor.fetchmany(limits.rows + 1)
        columns = tuple(described[0] for described in cursor.description or ())
        cursor.close()
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError, MemoryError) as error:
        raise SqlError(_code(error, guard, spent > limits.steps)) from None
    finally:
        connection.set_progress_handler(None, 0)
        connection.set_authorizer(None)
        connection.execute("PRAGMA reverse_unordered_selects = OFF")
    if not rows:
        raise SqlError("empty")
    if len(rows) > limits.rows:
        raise SqlError("too-large")
    if not all(_is_value(cell) for row in rows for cell in row):
        raise SqlError("no-value")
    return columns, rows


def _code(error: Exception, guard: _Guard, over: bool) -> str:
    if guard.denied:
        return "not-allowed"
    if over:
        return "too-many-steps"
    if isinstance(error, sqlite3.DataError | MemoryError) or "too big" in str(error):
        return "too-large"
    return "failed"


def _is_value(cell: Any) -> bool:
    if isinstance(cell, float):
        return math.isfinite(cell)
    return cell is None or isinstance(cell, int | str)


def _agreed(
    forth: list[tuple[Cell, ...]], back: list[tuple[Cell, ...]]
) -> tuple[tuple[Cell, ...], ...]:
    """The rows that both readings found, sorted unless both found them in the same order.

    Raises SqlError.
    """
    if _same(forth, back):
        return tuple(forth)
    forth, back = sorted(forth, key=_place), sorted(back, key=_place)
    if _same(forth, back):
        return tuple(forth)
    raise SqlError("changing")


def _same(one: list[tuple[Cell, ...]], other: list[tuple[Cell, ...]]) -> bool:
    pairs = list(zip(one, other, strict=False))
    return len(one) == len(other) and all(
        _equal(a, b) for left, right in pairs for a, b in zip(left, right, strict=True)
    )


def _equal(one: Cell, other: Cell) -> bool:
    # Sums of floats differ in their last digits with the order of their terms.
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return type(one) is type(other) and one == other


def _place(row: tuple[Cell, ...]) -> list[tuple[int, float, str]]:
    """Numbers before texts, missing ones first."""
    return [
        (0, 0.0, "") if cell is None
        else (2, 0.0, cell) if isinstance(cell, str)
        else (1, float(cell), "")
        for cell in row
    ]  # fmt: skip
