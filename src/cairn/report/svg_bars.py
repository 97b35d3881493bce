"""What amounts are made of, as bars."""

import math
from collections.abc import Mapping

from markupsafe import Markup

from cairn.report.svg_marks import SERIES, clipped, picture, tag, title, words
from cairn.report.ticks import short

WIDTH, NAMES, ROW = 420.0, 118.0, 27.0
LEDGER = "Ledger: what the steps were for"


def bars(amounts: Mapping[str, float], axis: str, heading: str = LEDGER) -> Markup:
    """Amounts of one thing as bars with their shares of the whole; the last in grey.

    `axis` says what is counted. What is negative or not finite counts as nothing.
    """
    kept = {
        name: max(value, 0.0) if math.isfinite(value) else 0.0 for name, value in amounts.items()
    }
    whole, largest = sum(kept.values()) or 1.0, max(kept.values(), default=0.0) or 1.0
    room = WIDTH - NAMES - 112
    rows, told = [], []
    for index, (name, amount) in enumerate(kept.items()):
        y = 30 + ROW * index
        said = f"{short(amount)} ({amount / whole:.0%})"
        last = index == len(kept) - 1 and index > 0
        bar = {"x": NAMES + 12, "y": y, "width": room * amount / largest, "height": 18.0, "rx": 2.0}
        rows += [
            words(clipped(name, NAMES), NAMES + 4, y + 13, anchor="end"),
            tag(
                "rect",
                {"class": "muted" if last else f"s{index % SERIES}", "fill": "currentColor", **bar},
                title(f"{name}: {said}"),
            ),
            words(said, NAMES + 20 + room * amount / largest, y + 13),
        ]
        told.append(f"{name}: {said}")
    bottom = 30 + ROW * len(kept)
    return picture(
        heading,
        f"{axis}: {'; '.join(told) or 'nothing yet'}.",
        WIDTH,
        bottom + 22,
        words(clipped(heading, WIDTH - 20, 14), 12, 16, size="14", weight="600"),
        *rows,
        words(axis if kept else "nothing yet", NAMES + 12, bottom + 10, class_="muted"),
    )
