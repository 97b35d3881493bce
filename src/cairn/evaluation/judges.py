"""How well the judge does while it runs, from its own verdicts.

Its error can be told without labels, because each pair of responses is shown in both orders. Let
it name the first place with chance b whatever it reads (position bias), call equal responses a
tie, and else name the worse response with chance e. With t the share of equal responses,

    (first - second) / verdicts = b
    both verdicts a tie         = t (1 - b)²
    the same place twice        = t b² + (1 - t) (b + 2 (1 - b)² e (1 - e))

which is solved for e. A judge that errs in another way, say the same way in both orders, is
beyond this: people's verdicts are needed for that.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core.stats import Rate, rate
from cairn.lm.readings import FIRST, MISSING, SECOND, TIE

RESAMPLES = 2000
COUNTED: tuple[str, ...] = (
    "votes", "first", "second", "ties", "missing", "pairs", "flips", "both", "tied", "same",
    "repeats",
)  # fmt: skip
"""What `add` counts: verdicts readable, by place, ties, unreadable; pairs in both orders that name
a winner, and those that name the same place; pairs readable in both orders, and those that tie
twice; repeats of a question in the same order, and those that agree."""


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
    error: Rate
    """Chance that a verdict not owed to the place is wrong, by the model above."""


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
        counts["both"] += MISSING not in pair
        counts["tied"] += pair == (TIE, TIE)
    for order in zip(*votes, strict=True):
        for a, b in pairwise(order):
            if MISSING not in (a, b):
                counts["repeats"] += 1
                counts["same"] += a == b
    return counts


def measure(counts: Mapping[str, int]) -> Health:
    """Rates out of counts."""
    return Health(
        flip_rate=rate(counts["flips"], counts["pairs"]),
        tie_rate=rate(counts["ties"], counts["votes"]),
        missing_rate=rate(counts["missing"], counts["votes"] + counts["missing"]),
        repeat_agreement=rate(counts["same"], counts["repeats"]),
        first_bias=_bias(counts),
        error=_error(counts),
    )


def brief(counts: Mapping[str, int]) -> str:
    """The rates in a few words, for the live line."""
    parts = (
        ("flips", "pairs", "flips"),
        ("ties", "votes", "ties"),
        ("repeats agree", "repeats", "same"),
    )
    shown = [f"{name} {counts[part] / counts[of]:.2f}" for name, of, part in parts if counts[of]]
    if counts["missing"]:
        shown.append(f"{counts['missing']} without verdict")
    return ", ".join(shown)


def _bias(counts: Mapping[str, int]) -> Rate:
    """(first - second) / readable, each verdict counting 1, -1 or 0; normal interval."""
    n = counts["votes"]
    if n == 0:
        return Rate(None, -1.0, 1.0, 0)
    mean = (counts["first"] - counts["second"]) / n
    square = (counts["first"] + counts["second"]) / n
    half = 1.96 * (max(square - mean**2, 0.0) / n) ** 0.5
    return Rate(mean, mean - half, mean + half, n)


def _error(counts: Mapping[str, int]) -> Rate:
    """e of the model above, with percentiles of a bootstrap over pairs."""
    n, bias = counts["both"], _bias(counts)
    if n == 0 or bias.value is None or max(bias.high, -bias.low) > 0.95:
        # Nothing read, or nothing but the place.
        return Rate(None, 0.0, 0.5, n)
    rng = np.random.default_rng(0)
    shares = np.array([counts["flips"], counts["tied"], n - counts["flips"] - counts["tied"]]) / n
    drawn = rng.multinomial(n, shares, RESAMPLES) / n
    flips, tied, _ = np.vstack([shares, drawn]).T
    spread = (bias.high - bias.low) / (2 * 1.96)
    places = bias.value + spread * np.append(0.0, rng.standard_normal(RESAMPLES))
    solved = _solve(flips, tied, places)
    low, high = np.quantile(solved[1:], [0.025, 0.975])
    return Rate(float(solved[0]), float(low), float(high), n)


def _solve(
    flips: Float[np.ndarray, " n"], tied: Float[np.ndarray, " n"], bias: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """e from the shares of flips and double ties; 0.5 where the verdicts are a coin's."""
    b = np.abs(bias)  # a bias to the second place works the same way
    equal = np.minimum(tied / (1 - b) ** 2, 0.999)
    product = ((flips - equal * b**2) / (1 - equal) - b) / (2 * (1 - b) ** 2)
    return (1 - np.sqrt(1 - 4 * np.clip(product, 0.0, 0.25))) / 2
