"""Calls per second and requests in flight, from looks one after another."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from cairn.report.data import Chart, Line
from cairn.report.series import Band, Curve
from cairn.view.journal_books import Books

MOST = 512
"""Looks that are remembered; then every other one is forgotten."""
AXIS = "seconds"


class Look(NamedTuple):
    """What one look saw."""

    at: float
    """Seconds since 1970."""
    settled: int
    answered: int
    in_flight: int


class Pace:
    """The looks so far."""

    def __init__(self) -> None:
        self.looks: list[Look] = []

    def note(self, at: float, books: Iterable[Books]) -> None:
        """Remember what is in the books now."""
        found = list(books)
        look = Look(
            at,
            sum(book.settled for book in found),
            sum(book.answered for book in found),
            sum(book.in_flight for book in found),
        )
        if self.looks and at <= self.looks[-1].at:
            return  # the clock was set back
        self.looks.append(look)
        if len(self.looks) > MOST:
            # The first and the newest stay.
            self.looks = [*self.looks[:-1:2], self.looks[-1]]

    def per_second(self) -> list[tuple[float, float]]:
        """Seconds since the first look, and requests answered per second since the one before.

        The books of a shard move from its journal to the run's between two reads: a look that saw
        them in neither is left out.
        """
        found, before = [], None
        for look in self.looks:
            if before is None:
                before = look
            elif look.settled >= before.settled:
                since = look.at - before.at
                rate = (look.answered - before.answered) / since
                found.append((look.at - self.looks[0].at, max(rate, 0.0)))
                before = look
        return found

    def charts(self) -> list[Chart]:
        """Of the looks so far; none before there are three."""
        rates = self.per_second()
        if len(rates) < 2:
            return []
        open_now = [(look.at - self.looks[0].at, float(look.in_flight)) for look in self.looks]
        return [
            Chart(
                "Calls answered per second, as looked at", (_line("answered", rates),), axis=AXIS
            ),
            Chart("Requests in flight, as looked at", (_line("in flight", open_now),), axis=AXIS),
        ]


def _line(label: str, points: list[tuple[float, float]]) -> Line:
    places, values = np.array(points, np.float64).T
    curve = Curve(places[:, None], values[:, None])
    return Line(label, curve, Band(places, values, values, values))
