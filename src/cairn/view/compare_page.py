"""Several runs on one page: what an address names of them, and their charts as files."""

from collections.abc import Sequence
from urllib.parse import urlencode

from cairn.core.errors import ConfigError
from cairn.report.parts import Section
from cairn.view import compare, pages
from cairn.view.fragments import Drawer
from cairn.view.panels import Panels
from cairn.view.rows import Row
from cairn.view.site import Site
from cairn.view.summaries import Summary
from cairn.view.watched import charts_in
from cairn.view.web import Request, Response, run_in_threadpool


class ComparePage:
    """Comparisons."""

    def __init__(self, site: Site, panels: Panels):
        self._site = site
        self._panels = panels

    def compare(self, request: Request) -> Response:
        """The runs that the address names, side by side."""
        names, gone, sections = self._compared(request)
        query = (
            f"?{urlencode([*(('run', name) for name in names), *[('cut', '1')] * _cut(request)])}"
        )
        draw = Drawer(self._site.kept, names[0], "/compare", query)
        line = f"No longer here: {', '.join(gone)}." if gone else ""
        shown = draw.sections(sections)
        return self._site.page(
            pages.render("part.html.j2", title="Compare", line=line, names=names, parts=shown)
        )

    async def chart(self, request: Request) -> Response:
        """A chart of a comparison as a file."""
        _, _, sections = await run_in_threadpool(self._compared, request)
        charts = [chart for section in sections for chart in charts_in(section.parts)]
        return await self._panels.drawn(request, charts)

    def _compared(self, request: Request) -> tuple[list[str], list[str], list[Section]]:
        """Names of the runs that are there and of those that are not, and what is said of them."""
        asked = list(dict.fromkeys(request.query_params.getlist("run")))
        if len(asked) > compare.MOST:
            raise ConfigError(
                f"At most {compare.MOST} runs can be compared, got {len(asked)}. Select fewer."
            )
        found: list[Summary] = []
        for name in asked:
            try:
                found.append(self._site.runs.get(name))
            except (KeyError, OSError, ValueError):
                continue
        if len(found) < 2:
            raise ConfigError(
                "Select two runs or more in the list, by their boxes or the key x, then compare."
            )
        names = [run.name for run in found]
        gone = [name for name in asked if name not in names]
        return names, gone, compare.compare(found, self._rows, cut=_cut(request))

    def _rows(self, run: Summary) -> Sequence[Row]:
        with self._site.watched(run) as watched:
            return watched.rows()


def _cut(request: Request) -> bool:
    return request.query_params.get("cut") == "1"
