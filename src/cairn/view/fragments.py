"""Sections as the live page has them: charts with what they can be kept as, panels that come later.

Everything else is shown by the kit's renderer, as in a page in a file.
"""

from collections.abc import Iterator, Sequence
from itertools import count, groupby
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from cairn.report.data import Chart, Curves
from cairn.report.parts import Later, Part, Section, Words
from cairn.report.render import fragment
from cairn.view import pages
from cairn.view.shelf import Kept
from cairn.view.watched import charts_in


class Shown(NamedTuple):
    """A section as a page has it."""

    id: str
    title: str
    html: Markup
    """The whole section, with its heading."""


class Drawer:
    """Makes HTML of the sections of one page about a run, or about several."""

    def __init__(self, kept: Kept, name: str, chart: str, query: str = ""):
        """`name`: the run's in addresses. `chart`: where charts are found by their number."""
        self._kept = kept
        self._name = name
        self._chart = chart
        self._query = query
        self._numbers = count()
        self._macros = pages.macros("parts_of_run.html.j2")

    def sections(self, sections: Sequence[Section]) -> list[Shown]:
        """Sections in their order; charts are numbered through all that are drawn here."""
        return [self.section(one.id, one.title, self.parts(one.parts)) for one in sections]

    def section(self, id: str, title: str, html: Markup) -> Shown:
        """A section of HTML that is there."""
        return Shown(id, title, Markup(self._macros.section(id, title, html)))

    def parts(self, parts: Sequence[Part]) -> Markup:
        """The parts of a section; charts that follow each other stand side by side."""
        found: list[Markup] = []
        for charts, grouped in groupby(parts, lambda part: isinstance(part, Chart | Curves)):
            some = list(grouped)
            found += self._charts(some) if charts else map(self._part, some)
        return Markup("").join(found)

    def _charts(self, parts: Sequence[Part]) -> Iterator[Markup]:
        for part in parts:
            if isinstance(part, Curves) and part.caption:
                yield self._part(Words(part.caption, "muted"))
        drawn = [self._one(chart) for chart in charts_in(parts)]
        for part in parts:
            if isinstance(part, Curves) and part.spent:
                drawn.append(self._part(part._replace(charts=(), caption="")))
        yield Markup('<div class="charts">{}</div>').format(Markup("").join(drawn))

    def _one(self, chart: Chart) -> Markup:
        number = next(self._numbers)
        shown = fragment(chart, image=self._image)
        return Markup(self._macros.plot(shown, self._chart, number, self._query))

    def _part(self, part: Part) -> Markup:
        if isinstance(part, Later):
            href = f"{pages.address(self._name, 'panel')}?panel={quote(part.panel)}"
            return Markup(self._macros.later(href, part.words))
        return fragment(part, image=self._image, data=self._data)

    def _image(self, png: bytes) -> str:
        return f"{pages.address(self._name, 'image')}/{self._kept.keep(png, 'png')}"

    def _data(self, _: str, csv: str) -> str:
        return f"{pages.address(self._name, 'data')}/{self._kept.keep(csv.encode(), 'csv')}"
