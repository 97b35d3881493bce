"""Population-based training: members train on side by side, the worst take over from the best.

Jaderberg et al. 2017, arXiv:1711.09846. After every interval each of the bottom quarter copies the
weights *and* the settings of a random member of the top quarter, then changes the settings: each is
drawn anew with chance 0.25, else numbers are multiplied by 1.2 or 0.8. All others stay as they are.

Differs from how-to-autorl: there a loser keeps its own settings beside the winner's weights,
winners are changed too, choices never change, and with fewer than four members the worst is copied.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cairn.tuning.search import Score, worth
from cairn.tuning.space import Range, Space, Value, Values

QUARTER = 4
RESAMPLE = 0.25
FACTORS = (1.2, 0.8)


class Round(NamedTuple):
    """Who goes on from whom, and with which settings; one entry a member."""

    sources: list[int]
    """Whose weights it takes; its own number if it goes on."""
    values: list[Values]


def first_round(space: Space, rng: np.random.Generator, population: int) -> Round:
    """Members drawn at random."""
    drawn: list[Values] = [space.at(rng.random(len(space))) for _ in range(population)]
    return Round(list(range(population)), drawn)


def next_round(
    space: Space, rng: np.random.Generator, scores: Sequence[Score], values: Sequence[Values]
) -> Round:
    """Exploit and explore; scores as of `cairn.tuning.search`."""
    number = len(scores)
    quarter = max(1, number // QUARTER)
    order = sorted(range(number), key=lambda member: -worth(scores[member]))
    winners, losers = order[:quarter], order[number - quarter :]
    sources, after = list(range(number)), list(values)
    for loser in sorted(losers):
        winner = winners[rng.integers(quarter)]
        sources[loser] = winner
        after[loser] = explored(space, rng, values[winner])
    return Round(sources, after)


def explored(space: Space, rng: np.random.Generator, values: Values) -> dict[str, Value]:
    """The settings, each drawn anew or changed a little."""
    changed: dict[str, Value] = {}
    for name, parameter in space.parameters.items():
        anew, unit, factor = rng.random() < RESAMPLE, rng.random(), FACTORS[rng.integers(2)]
        value = values[name]
        if anew:
            changed[name] = parameter.at(unit)
        elif isinstance(parameter, Range):
            changed[name] = _multiplied(parameter, float(value), factor)
        else:
            changed[name] = value
    return changed


def _multiplied(parameter: Range, value: float, factor: float) -> Value:
    """By the factor; a whole number by one at least."""
    product = value * factor
    if parameter.whole and round(product) == value:
        product = value + (1 if product > value else -1)
    return parameter.clipped(product)
