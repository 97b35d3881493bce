"""What a page shows of a run: sections made of parts, plain data for whoever renders them.

A wing says what there is to see of its runs in these words; the one renderer
(`cairn.report.render`) makes pages of them, live or as a file. Nothing here holds markup.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from cairn.report.data import Chart, Clip, Curves, Sheet
from cairn.report.pages import Card, Heat, Provenance
from cairn.report.words import Row


class Notes(NamedTuple):
    """Lines to be noticed before the rest."""

    lines: Sequence[str]


class Text(NamedTuple):
    """A text as it was, in a block of its own: a prompt, an answer, a config."""

    text: str
    title: str = ""
    fold: str = ""
    """An anchor, where it is shown only to who opens it."""


class Link(NamedTuple):
    """A text that leads to another place of the page, or of the site; never out of it."""

    text: str
    href: str
    """Begins with `#`, `?` or one `/`, or is the name of a file beside the page."""


class Words(NamedTuple):
    """A paragraph of the page's own."""

    text: str
    tone: Literal["plain", "muted", "bad", "note"] = "plain"
    link: Link | None = None
    """Follows the text."""


class Cards(NamedTuple):
    """Figures to take away."""

    cards: Sequence[Card]


class Key(NamedTuple):
    """What the colours of maps mean."""

    text: str
    """Of the shades of a share."""
    open: tuple[str, str] | None = None
    """An example and a word for squares that were not measured."""
    empty: tuple[str, str] | None = None


class Map(NamedTuple):
    """A map of elites over two descriptors, too fine for a table of words.

    The first row is the lowest, and is drawn below the others.
    """

    title: str
    axes: tuple[str, str]
    """What rows and columns are cells of."""
    extent: tuple[tuple[float, float], tuple[float, float]]
    """Lowest and highest of each axis."""
    shares: Float[np.ndarray, "rows columns"]
    """In [0, 1], for the colours; NaN in an empty cell."""
    values: Float[np.ndarray, "rows columns"]
    """What is said of a cell: its fitness."""
    hrefs: Sequence[str] = ()
    """Where each cell leads, row by row; "" for one that leads nowhere."""
    note: str = ""
    cells: Int[np.ndarray, "rows columns"] | None = None
    """Which cell is seen at each place, where a cell spans several: `hrefs` go by its number."""
    outlines: Sequence[Float[np.ndarray, "corners 2"]] = ()
    """Of each place, where places are no rectangles: along and up, in units of `extent`."""


class Figures(NamedTuple):
    """Figures by name, with what they mean."""

    rows: Sequence[Row]


class Table(NamedTuple):
    """Rows of values under a head. It can be sorted where there is a script."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    """str, int, float or `Link`; None, and what is not finite, is shown as a dash."""
    caption: str = ""
    total: bool = False
    """Whether the last row is the sum of the others."""
    name: str = ""
    """Of its file of data; without one it is offered as none."""


class Item(NamedTuple):
    """One entry of a long list, opened by who wants to read it."""

    id: str
    """Its anchor."""
    title: str
    line: str
    """What is said of it beside the title."""
    share: float | None
    """In [0, 1], for its colour; None where nothing was measured."""
    parts: Sequence["Part"]
    keys: Sequence[Any] = ()
    """By which the list can be sorted."""


class Items(NamedTuple):
    """A long list that can be searched and sorted where there is a script."""

    items: Sequence[Item]
    what: str
    """What is searched, in words: "cells, prompts and responses"."""
    sorts: Sequence[str] = ()
    """Names of the items' keys."""


class Bullets(NamedTuple):
    """Short lists of parts: fresh responses, ancestors."""

    rows: Sequence[Sequence["Part"]]
    ordered: bool = True
    start: int = 1
    title: str = ""


class Animation(NamedTuple):
    """Attempts in motion, which can be played, stopped and stepped."""

    clips: Sequence[Clip]


class Tree(NamedTuple):
    """Who descends from whom, oldest first: a line of ancestors, or several that join."""

    nodes: Sequence["Node"]


class Node(NamedTuple):
    """A task in a tree."""

    id: str
    parent: str | None
    title: str
    note: str
    href: str = ""
    tone: Literal["good", "bad", "plain"] = "plain"


class Choice(NamedTuple):
    """One thing of a panel that a reader may choose."""

    name: str
    """As the panel knows it."""
    label: str
    chosen: str
    values: Sequence[tuple[str, str]] = ()
    """To choose from, each with what is said of it; empty for a number."""
    most: int = 0
    """The highest number."""


class Choices(NamedTuple):
    """How a panel can be seen otherwise, on a live page; a file shows nothing of it."""

    panel: str
    settings: Sequence[Choice]
    links: Sequence[Link] = ()
    """To its neighbours: previous, next."""


class Later(NamedTuple):
    """A part that takes longer than a page may: a live page asks for it when it is there.

    A page in a file has it made first.
    """

    panel: str
    """Its name among the run's panels."""
    words: str
    """What is being made, for the meantime."""


Part: TypeAlias = (
    Notes
    | Text
    | Words
    | Cards
    | Heat
    | Map
    | Key
    | Figures
    | Table
    | Items
    | Bullets
    | Animation
    | Tree
    | Chart
    | Curves
    | Sheet
    | Provenance
    | Link
    | Choices
    | Later
)


class Section(NamedTuple):
    """A part of a page under a heading of its own."""

    id: str
    """Its anchor: letters, digits and hyphens, unique in the page."""
    title: str
    parts: Sequence[Part]


class Page(NamedTuple):
    """Everything there is to see of a run."""

    title: str
    line: str
    """Method, task, seeds: what it is, in a line."""
    sections: Sequence[Section]
    notes: Sequence[str] = ()
    simulated: bool = False
    facts: Mapping[str, str] = {}
