"""What a run comes to by its end, as a range: early trials are seldom like later ones.

An archive that fills has more and more to compare, so its trials grow dearer; the mean since the
start is then too low, by a third and more. What is left is priced twice,

    least   = so far + left * (mean of the latest half of the trials, less two standard errors)
    most    = so far + left * (the dearest trial so far)

and the truth lies between as long as trials get no cheaper, and none is dearer than all that were
seen.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice

from cairn.core.budget import Amount
from cairn.core.units import duration

PROJECT_AFTER = 100
"""Calls after which a projection means something."""
REMEMBERED = 1000
"""Trials that are looked back on."""
FEWEST = 10
"""So many trials are the latest, even if they are more than half."""


@dataclass(frozen=True)
class Projection:
    """The whole run."""

    least: Amount
    """Calls, tokens and money by the last trial, if the others are as the latest ones were;"""
    most: Amount
    """if they all are as dear as the dearest so far."""
    left_s: float
    """Seconds still to run, at the speed so far."""

    def misses(self, newer: "Projection") -> bool:
        """Whether a newer projection lies wholly outside this one."""
        return newer.most.calls < self.least.calls or newer.least.calls > self.most.calls


class Projector:
    """Remembers what trials used."""

    def __init__(self) -> None:
        self._used: deque[Amount] = deque(maxlen=REMEMBERED)

    def add(self, used: Amount) -> None:
        """A trial ended; this is what its answers came to, cached ones included."""
        self._used.append(used)

    def project(self, so_far: Amount, *, left: int, s_per_trial: float) -> Projection | None:
        """The whole run, with `left` trials still to be evaluated; None before enough calls."""
        if so_far.calls < PROJECT_AFTER or not self._used:
            return None
        latest = min(len(self._used), max(FEWEST, len(self._used) // 2))
        recent = islice(self._used, len(self._used) - latest, None)
        least = [_lower(parts) for parts in zip(*recent, strict=True)]
        most = [max(parts) for parts in zip(*self._used, strict=True)]
        return Projection(
            least=so_far.plus(Amount(*(round(left * part) for part in least))),
            most=so_far.plus(Amount(*(left * part for part in most))),
            left_s=left * s_per_trial,
        )


def _lower(parts: tuple[int, ...]) -> float:
    """The mean, less two standard errors."""
    mean = sum(parts) / len(parts)
    variance = sum((part - mean) ** 2 for part in parts) / max(len(parts) - 1, 1)
    return max(mean - 2 * (variance / len(parts)) ** 0.5, min(parts))


def projection_line(projection: Projection, *, told: int, trials: int) -> str:
    """The projection in one line."""
    least, most = projection.least, projection.most
    return (
        f"after {told} of {trials} trials: the whole run will take "
        f"{between(least.calls, most.calls)} calls, {between(least.tokens, most.tokens)} tokens, "
        f"{between(least.micros / 1e6, most.micros / 1e6, '.2f')} in money (trials as the latest, "
        f"and as the dearest so far; with what is reserved for calls that may be paid twice), and "
        f"about {duration(projection.left_s)} more"
    )


def between(low: float, high: float, form: str = "d") -> str:
    """A range, or the one number where both ends read the same."""
    one, other = format(low, form), format(high, form)
    return one if one == other else f"{one} to {other}"
