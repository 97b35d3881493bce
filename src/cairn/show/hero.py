"""One picture for a front page: how the agent learned, what it can do, how its levels evolved."""

from pathlib import Path

from matplotlib.figure import Figure

from cairn.report import series
from cairn.report.data import Card, Chart, Front
from cairn.show import cards, charts, curves, style
from cairn.show.sheets import card_in
from cairn.show.subject import Subject
from cairn.show.treasures import STEPS

LEVELS = 8
WIDTH, HEIGHT, STRIP = 15.0, 6.9, 2.85
"""Inches: of the picture, of its upper part, and of the strip of ancestors below."""


def data(subject: Subject) -> Front:
    """Tests if there were any, and training; the first held-out levels; the longest line.

    A line of ancestors is worth showing from four levels on.
    """
    lines = subject.lines
    tests, training = series.evaluations(lines), series.metric(lines, "solve_rate")
    measure, share = charts.measure_of(lines)
    found = [
        charts.chart(f"{measure.capitalize()} in tests, never trained on", tests, share, False),
        charts.chart(
            "Solve rate on the levels it trains on",
            {} if training is None else {"training": training},
            share=True,
        ),
    ]
    held_out = [card for row in subject.once(cards.held_out).rows for card in row.cards]
    descents = [row.cards for row in subject.once(cards.ancestry).rows]
    line = max(descents, key=len, default=())
    return Front(
        tuple(one for one in found if one.lines),
        tuple(held_out[:LEVELS]),
        line if len(line) >= 4 else (),
    )


def draw(front: Front, path: Path) -> Path:
    """Curves at the left, levels at the right, a strip of ancestors below if there are any."""
    strip = STRIP if front.ancestors else 0.0
    made = style.figure(WIDTH, HEIGHT + strip)
    _curves(front.charts, made, strip)
    _levels(front.cards, made, strip)
    if strip:
        _ancestors(front.ancestors, made)
    return style.save(made, path, dpi=110)


def _curves(shown: tuple[Chart, ...], made: Figure, strip: float) -> None:
    if not shown:
        return
    height = HEIGHT + strip
    areas = made.add_gridspec(
        len(shown), 1, left=0.04, right=0.29, top=1 - 0.5 / height,
        bottom=(strip + 0.65) / height, hspace=0.5,
    )  # fmt: skip
    for i, chart in enumerate(shown):
        curves.draw_chart(made.add_subplot(areas[i, 0]), chart)


def _levels(shown: tuple[Card, ...], made: Figure, strip: float) -> None:
    """Two rows of levels with the typical attempt at each."""
    columns = -(-len(shown) // 2)
    height = HEIGHT + strip
    areas = made.add_gridspec(
        2, columns, left=0.32, right=0.995, top=1 - 0.65 / height,
        bottom=(strip + 0.15) / height, wspace=0.04, hspace=0.26,
    )  # fmt: skip
    for i, card in enumerate(shown):
        card_in(made.add_subplot(areas[i // columns, i % columns]), card)


def _ancestors(line: tuple[Card, ...], made: Figure) -> None:
    """A level of the archive and where it came from, along the lower edge."""
    height = HEIGHT + STRIP
    made.text(
        0.02, (STRIP - 0.15) / height,
        "How one level evolved: drawn new at the left, in the archive at the right",
        color=style.INK, fontsize=11, fontweight="bold", va="top",
    )  # fmt: skip
    row = made.add_gridspec(
        1, STEPS, left=0.02, right=0.995, top=(STRIP - 0.85) / height, bottom=0.1 / height,
        wspace=0.12,
    )  # fmt: skip
    for i, card in enumerate(line):
        card_in(made.add_subplot(row[0, i]), card)
