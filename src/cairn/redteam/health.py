"""How well the judge does while it runs, from its own verdicts."""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from cairn.core.stats import wilson
from cairn.redteam.text import FIRST, MISSING, SECOND, TIE

Interval = tuple[float, float]


class Rate(NamedTuple):
    """A share with its 95 % interval; None where nothing was counted."""

    value: float | None
    low: float
    high: float
    of: int
    """How many were counted."""


class Health(NamedTuple):
    """The judge's record."""

    flip_rate: Rate
    """Pairs that name a winner in both orders and chose the same place: 0 without position bias."""
    tie_rate: Rate
    """Verdicts that name no winner, of those that could be read."""
    missing_rate: Rate
    """Verdicts that could not be read, of all."""
    repeat_agreement: Rate
    """Verdicts on the same two responses in the same order that agree."""
    first_bias: Rate
    """Share of verdicts owed to the place alone: (first - second) / readable. Orders are
    balanced, so a judge without bias has 0 whatever the responses are."""


def add(health: Mapping[str, int], votes: tuple[tuple[int, int], ...]) -> dict[str, int]:
    """The counts with one ballot more."""
    counts = dict(health)
    for pair in votes:
        for choice in pair:
            name = {FIRST: "first", SECOND: "second", TIE: "ties", MISSING: "missing"}[choice]
            counts[name] += 1
            counts["votes"] += choice != MISSING
        if set(pair) <= {FIRST, SECOND}:
            counts["pairs"] += 1
            counts["flips"] += pair[0] == pair[1]
    for order in zip(*votes, strict=True):
        for a, b in pairwise(order):
            if MISSING not in (a, b):
                counts["repeats"] += 1
                counts["same"] += a == b
    return counts


def rate(count: int, total: int) -> Rate:
    """A share with its Wilson interval."""
    low, high = wilson(count, total)
    return Rate(count / total if total else None, low, high, total)


def measure(counts: Mapping[str, int]) -> Health:
    """Rates out of counts."""
    return Health(
        flip_rate=rate(counts["flips"], counts["pairs"]),
        tie_rate=rate(counts["ties"], counts["votes"]),
        missing_rate=rate(counts["missing"], counts["votes"] + counts["missing"]),
        repeat_agreement=rate(counts["same"], counts["repeats"]),
        first_bias=_bias(counts),
    )


def _bias(counts: Mapping[str, int]) -> Rate:
    """(first - second) / readable, each verdict counting 1, -1 or 0; normal interval."""
    n = counts["votes"]
    if n == 0:
        return Rate(None, -1.0, 1.0, 0)
    mean = (counts["first"] - counts["second"]) / n
    square = (counts["first"] + counts["second"]) / n
    half = 1.96 * (max(square - mean**2, 0.0) / n) ** 0.5
    return Rate(mean, mean - half, mean + half, n)
