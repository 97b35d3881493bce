"""Where an axis has its marks, and how numbers are said in little room."""

import math
from typing import NamedTuple

from cairn.core.console import count

MINUS = "\N{MINUS SIGN}"
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_CLOCK = (
    (2 * 86400.0, 86400.0, "days"),
    (2 * 3600.0, 3600.0, "hours"),
    (120.0, 60.0, "minutes"),
    (0.0, 1.0, "seconds"),
)


class Ticks(NamedTuple):
    """Marks of an axis, ascending."""

    places: tuple[float, ...]
    labels: tuple[str, ...]


def ticks(low: float, high: float, most: int = 6) -> Ticks:
    """Round marks within [low, high]: at most `most`, 1, 2 or 5 times a power of ten apart.

    No two labels are equal. `low` is below `high`, both are finite.
    """
    step = _step((high - low) / (most - 1), (high - low) / most)
    # Marks that rounding puts a hair outside count as inside.
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    while last - first >= most:
        step = _step(step * 1.5, step * 1.5)
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = tuple(number * step for number in range(first, last + 1))
    return Ticks(places, tuple(_label(place, step, places) for place in places))


def _step(wanted: float, least: float) -> float:
    """The smallest round step of at least `wanted`; of `least`, where that is round itself."""
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(
        size * power for size in (1, 2, 5, 10) if size * power >= min(wanted, least) * (1 - 1e-9)
    )


def _label(place: float, step: float, places: tuple[float, ...]) -> str:
    largest = max(abs(places[0]), abs(places[-1]))
    if place == 0:
        return "0"
    if largest < 1e-3 or largest >= 1e15:
        power = math.floor(math.log10(largest) + 1e-9)
        digits = max(0, power - math.floor(math.log10(step) + 1e-9))
        text = f"{place / 10.0**power:.{digits}f}e{power}"
    else:
        unit, letter = next(pair for pair in _UNITS if largest >= pair[0] or pair[0] == 1.0)
        digits = max(0, -math.floor(math.log10(step / unit) + 1e-9))
        text = f"{place / unit:.{digits}f}{letter}"
    return text.replace("-", MINUS)


def short(value: float) -> str:
    """A figure in three digits or so: 0.123, −4.5, 950, 1.3M; a dash for what is not finite."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size < 999.5:
        text = f"{size:.3g}"
    else:
        text = count(size) if size < 1e15 else f"{size:.2e}"
    return MINUS + text if value < 0 and float(f"{size:.3g}") else text


class Clock(NamedTuple):
    """A unit of time that suits a span."""

    seconds: float
    name: str


def clock(span_s: float) -> Clock:
    """The unit in which a span of seconds has a few round marks."""
    return next(Clock(unit, name) for above, unit, name in _CLOCK if span_s >= above)
