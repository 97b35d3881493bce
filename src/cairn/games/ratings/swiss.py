"""A Swiss tournament: everyone plays every round, against somebody with about as many points.

Rounds: ceil(log2 n), enough to tell one who won all. Pairs by points, then by seed; nobody meets
twice while it can be helped. With an odd number the last one who had none yet has a bye, which is
worth a win. After Khan et al. 2024 (arXiv:2402.06782), whose code stops after three rounds.
"""

import math
from collections.abc import Mapping, Sequence

_LOOKS = 20_000
"""Pairs that are tried before somebody meets again."""


def rounds(players: int) -> int:
    """How many it takes."""
    return max(1, math.ceil(math.log2(players))) if players > 1 else 0


def pairing(
    points: Mapping[str, float], met: set[frozenset[str]], byes: Sequence[str] = ()
) -> tuple[list[tuple[str, str]], str | None]:
    """Pairs of the next round, and who has a bye.

    `points` in the order of seeds; `met` are the pairs that played; `byes` who had one.
    """
    order = sorted(points, key=lambda name: -points[name])  # stable: by seed among equals
    bye = None
    if len(order) % 2:
        bye = next((name for name in reversed(order) if name not in byes), order[-1])
        order.remove(bye)
    found = _paired(order, met, [_LOOKS])
    return _nearest(order, met) if found is None else found, bye


def _nearest(order: list[str], met: set[frozenset[str]]) -> list[tuple[str, str]]:
    """From the top, each with the next it has not met, or else with the next: some meet again."""
    left, pairs = list(order), []
    while left:
        first = left.pop(0)
        other = next((name for name in left if frozenset((first, name)) not in met), left[0])
        left.remove(other)
        pairs.append((first, other))
    return pairs


def _paired(
    order: list[str], met: set[frozenset[str]], looks: list[int]
) -> list[tuple[str, str]] | None:
    """The first pairing, in order, of players who have not met; None if there is none, or none
    was found in so many looks: where nobody is left for the last, all pairings are tried."""
    if not order:
        return []
    looks[0] -= 1
    if looks[0] < 0:
        return None
    first = order[0]
    for other in order[1:]:
        if frozenset((first, other)) in met:
            continue
        rest = _paired([name for name in order if name not in (first, other)], met, looks)
        if rest is not None:
            return [(first, other), *rest]
    return None
