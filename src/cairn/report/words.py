"""Figures in words, for a page and a console alike."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from cairn.core.budget import total
from cairn.core.journal import Spending
from cairn.core.stats import Estimate, Rate

LEDGER = (
    "role", "calls", "tokens", "money", "reserved, outcome unknown", "possibly paid twice",
)  # fmt: skip
"""Columns of `ledger`."""
TWICE = (
    "Possibly paid twice: requests in flight when the process died, or whose reply was lost. They "
    "were sent again; what was reserved for them stays within the limits."
)

SIMULATED = (
    "Simulated. The models are programs with known errors; all text is placeholder. Nothing here "
    "says anything about a real model."
)


class Row(NamedTuple):
    """One figure."""

    name: str
    value: str
    note: str
    """What it means."""


def ledger(lines: Iterable[Spending]) -> list[tuple[str, ...]]:
    """What calls used, a row for each line, and the sum."""
    lines = list(lines)
    spent, kept = (total(getattr(line, name) for line in lines) for name in ("spent", "kept"))
    together = Spending("", "together", spent, kept, sum(line.maybe_twice for line in lines))
    return [
        (
            line.role,
            str(line.spent.calls),
            str(line.spent.tokens),
            money(line.spent.micros),
            money(line.kept.micros),
            str(line.maybe_twice),
        )
        for line in [*lines, together]
    ]


def money(micros: int) -> str:
    """Micro-units as units of the prices' currency."""
    return f"{micros / 1e6:.4f}"


def number(value: float | None) -> str:
    """Two digits; a dash for what is missing."""
    return "–" if value is None else f"{value:.2f}"


def rated(found: Rate) -> str:
    """A share with its interval and what it is a share of."""
    if found.value is None:
        return "–"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}] of {found.of}"


def estimated(found: Estimate | None) -> str:
    """A value with its interval."""
    return "–" if found is None else f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def moment(seconds: float) -> str:
    """Seconds since 1970 as a date and a time in UTC; a dash for what is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "–"


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
