"""Tables of texts for other tools: CSV that a spreadsheet cannot run, JSON lines, Parquet."""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cairn.core.errors import MissingExtraError
from cairn.core.files import replacing
from cairn.core.redact import printable

Row = Mapping[str, Any]
"""Column name to a plain value."""


def redacted(text: str) -> str:
    """A text's trace: length and a digest, so that equal texts can still be seen to be equal."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"[redacted: {len(text.split())} words, {digest}]"


def to_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV, control characters made visible; a text that a spreadsheet would take for a
    formula gets an apostrophe."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writerow({name: harmless(name) for name in rows[0]})
        writer.writerows({name: harmless(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def to_lines(rows: Iterable[Row]) -> str:
    """Rows as JSON lines."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """Rows as Parquet, readable by their owner alone. Raises MissingExtraError without pyarrow."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError(
            'Parquet needs pyarrow, which is missing: pip install "cairn[parquet]"'
        ) from error
    with replacing(path) as part:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), part)


def harmless(value: Any) -> Any:
    """A value of a table as a spreadsheet may open it."""
    if not isinstance(value, str):
        return value
    shown = printable(value)
    return "'" + shown if value[:1] in ("=", "+", "-", "@", "\t", "\r") else shown
