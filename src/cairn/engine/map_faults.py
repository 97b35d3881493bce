"""Records that cannot be read, for lenient sources: which they are, and where the next begins."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from cairn.core.errors import RunError
from cairn.engine.map_files import LONGEST, File, Where
from cairn.engine.map_items import Row

_HALVES = dict.fromkeys(range(0xDC80, 0xDD00))
"""What bytes become that are no UTF-8, under `surrogateescape`."""


def faulty(id_field: str | None, number: int, place: str, fault: str) -> Row:
    """The row of record `number`, which cannot be read: by its number, or else by its place."""
    return Row(str(number) if id_field is None else place, b"null", fault)


def long_lines(file: File) -> Iterator[bytes]:
    """Lines; of one that is longer than may be, only so much as shows that it is."""
    while line := file.readline(LONGEST):
        rest = line
        while len(rest) == LONGEST and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST)
        yield line


def plain_table(file: File, where: Where, delimiter: str) -> Iterator[tuple[str, dict, str]]:
    """The place of each record of a table with a head line, the record by column, and its fault.

    Raises RunError for a head that names a column twice or cannot be read.
    """
    text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _records(csv.reader(text, delimiter=delimiter, strict=True), where)
    finally:
        text.detach()  # whoever opened the file closes it


def _records(table: Any, where: Where) -> Iterator[tuple[str, dict, str]]:
    try:
        head = next(table, [])
    except csv.Error as error:
        raise RunError(f"line {table.line_num} of {where}: {error}.") from error
    if len(set(head)) < len(head):
        raise RunError(f"{where} names a column twice in its first line.")
    while True:
        first = table.line_num + 1
        fault, cells = "", []
        try:
            cells = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            fault = f": {error}."
        last = table.line_num
        place = f"line {last} of {where}"
        if last > first:
            place = f"lines {first} to {last} of {where}"
        if fault:
            yield place, {}, place + fault
        elif cells:
            if any(cell.translate(_HALVES) != cell for cell in cells if not cell.isascii()):
                fault = f"{place}: it is not UTF-8 text."
            elif len(cells) != len(head):
                fault = f"{place} has {len(cells)} cells, its head has {len(head)}."
            yield place, dict(zip(head, cells, strict=not fault)), fault
