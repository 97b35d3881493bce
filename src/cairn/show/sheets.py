"""Sheets of levels, drawn by matplotlib: rows of cards, with arrows where they descend."""

import itertools
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cairn.report.data import Card, Sheet
from cairn.show import style

HEAD = 1.05
"""Inches above the first row of a sheet."""
TONES = {"good": style.GREEN, "bad": style.RED, "plain": style.SOFT}
WIDTH, HEIGHT = 2.25, 2.9
"""Inches of a card, its two lines of text among them."""
LEAST = 5
"""Cards that a sheet is wide, however few there are: the caption needs room."""
ARROW = {"arrowstyle": "-|>", "color": style.SOFT}


def draw(sheet: Sheet, path: Path) -> Path:
    """Draw a sheet into a PNG."""
    columns = max(LEAST, *(len(row.cards) for row in sheet.rows))
    labelled = any(row.label for row in sheet.rows)
    height = HEIGHT + (0.2 if labelled else 0.0)
    made = style.figure(WIDTH * columns + 0.3, HEAD + height * len(sheet.rows))
    style.heading(made, sheet.title, sheet.caption)
    places = _places(made, len(sheet.rows), columns, labelled, sheet.descent)
    for row, axes in zip(sheet.rows, places, strict=True):
        axes[0].text(0, 1.29, row.label, transform=axes[0].transAxes, color=style.INK, fontsize=11)
        for place, card in zip(axes, row.cards, strict=False):
            card_in(place, card)
        if sheet.descent:
            for place in axes[: len(row.cards) - 1]:
                place.annotate(
                    "", (1.15, 0.5), (1.01, 0.5), "axes fraction", arrowprops=ARROW,
                    annotation_clip=False,
                )  # fmt: skip
    return style.save(made, path)


def card_in(axes: Axes, card: Card) -> None:
    """One level with its title and note."""
    assert card.pixels is not None, "Sheets are only made of what can be drawn."
    style.image(axes, card.pixels, card.title, card.note, TONES[card.tone])


def _places(
    made: Figure, rows: int, columns: int, labelled: bool, descent: bool
) -> list[list[Axes]]:
    """Places for cards, row by row; those left empty stay blank."""
    width, height = made.get_size_inches()
    edge = 0.3 / width
    # Two lines of text stand above each picture, so the first row starts below them.
    top = 1 - (HEAD + 0.35 + (0.3 if labelled else 0)) / height
    areas = made.add_gridspec(
        rows, columns, left=edge, right=1 - edge, top=top, bottom=0.1 / height,
        wspace=0.16 if descent else 0.06, hspace=0.5 if labelled else 0.3,
    )  # fmt: skip
    places = [[made.add_subplot(areas[i, j]) for j in range(columns)] for i in range(rows)]
    for place in itertools.chain(*places):
        place.set_axis_off()
    return places
