"""Lines of a run's files as values: those that are none of a run are told apart."""

import json
from typing import Any, TypeAlias

from cairn.core.counts import unit
from cairn.core.measures import headline

Row: TypeAlias = dict[str, Any]
Shape: TypeAlias = tuple[int, str]
"""Of a line of metrics: its number of seeds, and what its ledger is counted in."""


def parse_all(texts: list[bytes]) -> list[Any]:
    """Each text's JSON value; None for what is none."""
    try:
        # All at once: equal names are then one object, which saves most of the memory.
        rows = json.loads(b"[" + b",".join(texts) + b"]")
    except (ValueError, RecursionError):
        rows = []
    # Two halves of a line can make one value: then there are fewer.
    return rows if len(rows) == len(texts) else [parse(text) for text in texts]


def parse(text: bytes) -> Any:
    """A text's JSON value; None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def is_metrics(row: Any) -> bool:
    """Whether a value is a line of metrics: figures by name, each a list with one of every seed."""
    if not isinstance(row, dict) or not isinstance(row.get("cycle"), list):
        return False
    seeds = len(row["cycle"])

    def by_seed(table: Any) -> bool:
        return isinstance(table, dict) and all(
            isinstance(value, list) and len(value) == seeds for value in table.values()
        )

    tests = row.get("evaluation", {})
    ledger = row.get("ledger")
    if seeds == 0 or not ledger or not by_seed(ledger) or not by_seed(row.get("metrics")):
        return False
    if not all(isinstance(count, int) for column in ledger.values() for count in column):
        return False
    return isinstance(tests, dict) and all(_tested(figures, seeds) for figures in tests.values())


def shape_of(row: Row) -> Shape:
    """What every line of one run has in common."""
    return len(row["cycle"]), unit(row["ledger"])


def _tested(figures: Any, seeds: int) -> bool:
    """Whether a value is what a suite came to in a test."""
    try:
        _, values = headline(figures)
    except (KeyError, TypeError, AttributeError):
        return False
    return isinstance(values, list) and len(values) == seeds
