"""Parts as HTML: the one renderer, for a page that lives and for a page in a file.

Every value is escaped, made printable and no longer than a page shows where it is put in; a
template has nothing to remember.
No style attribute, no script but the kit's, no address but of the page itself: what a model wrote
can become none of them.
"""

import base64
import hashlib
import math
import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any

import numpy as np
from jaxtyping import UInt8
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from cairn.core.redact import printable
from cairn.report import svg
from cairn.report.data import Chart, Curves
from cairn.report.images import png
from cairn.report.parts import Later, Link, Map, Page, Part, Section, Table, Tree
from cairn.report.tables import to_csv

FOLDER = "html"
"""Of a package, where its templates lie."""
SHADES = 5
FIGURE = r"-?\d[\d,.]*( ?%)?"
"""A number in words: it stands at the right of its column."""
LONGEST = 10_000
"""Characters of a text that a page shows: a page of answers of 200 kB each could not be read."""

Image = Callable[[bytes], str]
"""PNG to what an `<img>` loads."""
Data = Callable[[str, str], str]
"""Name and text of a CSV to where it is found."""


def fragment(
    shown: Part | Section, *, image: Image, data: Data | None = None, live: bool = True
) -> Markup:
    """A part, or a section of them, as HTML. Without `data` no data is offered beside it.

    For a page in a file (not `live`) addresses of the site are words, and there are no choices.
    Raises ValueError for a part that a file has to have made first.
    """
    return _View(image, data, live=live).show(shown)


def document(page: Page) -> str:
    """A page as one HTML file that loads, runs and sends nothing of what it shows.

    Raises ValueError for a part that was to be made later: a file has no later.
    """
    styled, scripted = style(), script()
    policy = (
        f"default-src 'none'; style-src '{_digest(styled)}'; script-src '{_digest(scripted)}'; "
        f"img-src data:; base-uri 'none'; form-action 'none'"
    )
    view = _View(png_uri, csv_uri, live=False)
    template = environment("cairn.report").get_template("page.html.j2")
    sections = [view.show(section) for section in page.sections]
    return template.render(
        page=page, shown=sections, policy=policy, style=Markup(styled), script=Markup(scripted)
    )


def style() -> str:
    """The one stylesheet, kit.css."""
    return _file("kit.css")


def script() -> str:
    """What sorts, searches and steps, kit.js. A page reads the same without it."""
    return _file("kit.js")


@cache
def environment(package: str) -> Environment:
    """Where templates of `package` (in its folder `html`) are found, beside those of the kit."""
    found = Environment(
        loader=ChoiceLoader(
            [PackageLoader(package, FOLDER), PackageLoader("cairn.report", FOLDER)]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    found.globals["shade"] = shade
    found.filters |= {"value": value, "keys": _keys, "file": _named}
    found.tests["figure"] = lambda found: _is_number(found) or re.fullmatch(FIGURE, str(found))
    return found


def shade(share: float) -> str:
    """The colour class of a share in [0, 1]."""
    return f"h{min(int(share * SHADES), SHADES - 1)}"


def clipped(text: str) -> str:
    """A text no longer than a page shows; what is left out is said."""
    left = len(text) - LONGEST
    if left <= 0:
        return text
    return f"{text[:LONGEST]}\n… {left:,} more characters, not shown here"


def value(found: Any) -> str:
    """A value of a table in words; a dash for what is missing or not finite."""
    if found is None or (isinstance(found, float) and not math.isfinite(found)):
        return "–"
    if isinstance(found, bool) or not _is_number(found):
        return str(found)
    return f"{found:,}" if isinstance(found, int) else f"{found:,.4g}"


class _View:
    """What the templates ask of the page they are shown on."""

    def __init__(self, image: Image, data: Data | None, *, live: bool):
        self.image, self.data, self.live = image, data, live
        # A file has its pictures in itself: printed, those out of sight would be missing.
        self.lazy = Markup(' loading="lazy"' if live else "")
        self._macros = environment("cairn.report").get_template("parts.html.j2").module

    def show(self, shown: Part | Section) -> Markup:
        if isinstance(shown, Later) and not self.live:
            raise ValueError(f"the panel {shown.panel!r} is to be made before the file")
        return getattr(self._macros, type(shown).__name__.lower())(shown, self)

    def inside(self, href: str) -> str:
        """An address within the page or, live, the site; "" in the place of any other."""
        if not self.live and not href.startswith("#"):
            return ""
        # Without a scheme ("javascript:", "https:") and without a host ("//host", "/\\host").
        return href if re.fullmatch(r"(?![/\\]{2})[^:\\\s?#]*(?:[?#]\S*)?", href) else ""

    def picture(self, pixels: UInt8[np.ndarray, "rows columns 3"]) -> Markup:
        return escape(self.image(png(pixels)))  # escaped here: of whatever length it is

    def chart(self, chart: Chart) -> Markup:
        lines = [line._replace(label=clipped(line.label)) for line in chart.lines]
        shown = chart._replace(title=clipped(chart.title), lines=tuple(lines))
        return svg.chart(shown, clipped(chart.axis))

    def map(self, found: Map) -> Markup:
        hrefs = [self.inside(href) for href in found.hrefs]
        shown = found._replace(title=clipped(found.title), note=clipped(found.note), hrefs=hrefs)
        return svg.heat(shown)

    def tree(self, found: Tree) -> Markup:
        nodes = [
            node._replace(
                title=clipped(node.title), note=clipped(node.note), href=self.inside(node.href)
            )
            for node in found.nodes
        ]
        return svg.tree(Tree(nodes))

    def bars(self, curves: Curves) -> Markup:
        return svg.bars(curves.spent, curves.axis)

    def groups(self, shown: Sequence[Part]) -> list[tuple[bool, list[Part]]]:
        """Parts in their order; charts that follow each other stand side by side."""
        found = groupby(shown, lambda part: isinstance(part, Chart))
        return [(drawn, list(group)) for drawn, group in found]

    def lines(self, tree: Tree) -> Table:
        """A tree in words, for who cannot see it: each task, and what it was made from."""
        titles = {node.id: node.title for node in tree.nodes}
        rows = [
            (Link(node.title, node.href), node.note, titles.get(node.parent or ""))
            for node in tree.nodes
        ]
        return Table(("what", "said of it", "made from"), rows, "descent, line by line")

    def charts(self, curves: Curves) -> Sequence[Chart]:
        return [chart._replace(axis=curves.axis) for chart in curves.charts]

    def data_of(self, part: Chart | Map | Table) -> Markup | None:
        """Where the data of a part are found as CSV; None if none are offered."""
        name = part.name if isinstance(part, Table) else part.title
        if self.data is None or not name:
            return None
        if isinstance(part, Chart):
            return escape(self.data(name, svg.chart_csv(part, part.axis)))
        if isinstance(part, Map):
            return escape(self.data(name, svg.heat_csv(part)))
        rows = [dict(zip(part.head, map(_plain, row), strict=True)) for row in part.rows]
        return escape(self.data(name, to_csv(rows)))


def _plain(found: Any) -> Any:
    """A value of a table as its CSV has it: of a link the text."""
    return getattr(found, "text", found)


def _is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool)


def _keys(keys: Sequence[Any]) -> str:
    """What an item is sorted by, as kit.js reads it."""
    return "|".join("" if key is None else str(key).replace("|", "/") for key in keys)


def _shown(found: Any) -> Any:
    # Markup is what the kit's own macros made: its texts went through here already.
    if not isinstance(found, str) or isinstance(found, Markup):
        return found
    return printable(clipped(found))


def png_uri(body: bytes) -> str:
    """A picture as its own address, for a page in a file."""
    return f"data:image/png;base64,{base64.b64encode(body).decode()}"


def csv_uri(name: str, text: str) -> str:
    """A table as its own address, for a page in a file."""
    return f"data:text/csv;base64,{base64.b64encode(text.encode()).decode()}"


def _named(title: str) -> str:
    """A title as the name of a file."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))[:60] or "data"


@cache
def _file(name: str) -> str:
    return resources.files("cairn.report").joinpath(FOLDER, name).read_text("utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
