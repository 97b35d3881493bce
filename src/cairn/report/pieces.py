"""What the pages of several wings have: costs, growth, failures, descent, answers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cairn.core.journal import Spending
from cairn.report import words
from cairn.report.data import Chart, Line
from cairn.report.parts import Node, Part, Section, Table, Text, Tree, Words
from cairn.report.series import Band, Curve

MOST_FAILED = 500
"""Failed trials that are shown one by one."""
MOST_NODES = 300
"""Of a tree that is drawn."""


def costs(lines: Iterable[Spending]) -> list[Part]:
    """What the calls of a run used, a row for each line of its ledger."""
    return [
        Table(words.LEDGER, words.ledger(lines), total=True, name="what it cost"),
        Words(words.TWICE, "muted"),
    ]


def grown(title: str, spent: Sequence[float], values: Sequence[float], axis: str) -> Chart:
    """How one figure of a single run grew over what was spent."""
    x, y = np.asarray(spent, np.float64), np.asarray(values, np.float64)
    return Chart(title, (Line("", Curve(x[:, None], y[:, None]), Band(x, y, y, y)),), axis=axis)


def failed(rows: Sequence[Sequence[Any]]) -> list[Section]:
    """Trials without a result, with the reason: never left out of a report; none, no section.

    A row: trial, error, what it said, what was tried.
    """
    if not rows:
        return []
    left = f"; the first {MOST_FAILED} of them" if len(rows) > MOST_FAILED else ""
    head = ("trial", "error", "what it said", "what was tried")
    said = Words(f"{len(rows)} without a result{left}.", "muted")
    table = Table(head, rows[:MOST_FAILED], "failed trials")
    return [Section("failed", "Trials that failed", [said, table])]


def descent(nodes: Mapping[str, Node], tips: Sequence[str], most: int = MOST_NODES) -> list[Part]:
    """Those at the `tips`, the most telling first, and all they descend from, in the order of
    `nodes`: whole lines, as many as a picture can hold."""
    chosen: set[str] = set()
    left = 0
    for tip in tips:
        line, node = {tip}, nodes[tip]
        while node.parent is not None:
            node = nodes[node.parent]
            line.add(node.id)
        if len(chosen | line) > most:
            left += 1
        else:
            chosen |= line
    said = f"Too many to draw: {left} of {len(tips)} lines are left out, the least telling."
    shown = Tree([node for name, node in nodes.items() if name in chosen])
    return [Words(said, "muted"), shown] if left else [shown]


def answer(text: str | None, said: str, *, bad: bool = False) -> list[Part]:
    """An answer under what is said of it; None where there is none, and `said` says why."""
    above = Words(said, "bad" if bad else "plain")
    return [above] if text is None else [above, Text(text)]
