"""What there is to see under a folder, and the pages that show it."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import quote

from cairn.report import svg
from cairn.report.parts import Section
from cairn.view import overview, pages
from cairn.view.fragments import Drawer
from cairn.view.index import Runs
from cairn.view.live import CONNECTION, Feeds, Look
from cairn.view.overview import Query
from cairn.view.run_page import live_fragments, run_page
from cairn.view.shelf import Kept, Shelf
from cairn.view.summaries import Summary
from cairn.view.watched import Looked, Watched
from cairn.view.web import (
    HTTPException,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
)

LONGEST_NAME = 1_000
"""Characters of a run's name in an address."""
OPEN = 4
"""Runs of which lines are kept in memory, at most some 20 MB each."""
KEPT = 32 << 20
"""Bytes of pictures and tables that pages link to."""
GONE = "This run is gone: it was deleted, moved or renamed. What you see is its last state."


class Site:
    """Everything there is to see under one folder."""

    def __init__(self, folder: Path, feeds: Feeds | None = None):
        self.runs = Runs(folder)
        # As it was given, so that commands on a page work, or its last name: no page shows where
        # it lies on this machine.
        plain = not folder.is_absolute() and ".." not in folder.parts
        self.folder = str(folder) if plain else self.runs.folder.name
        self.feeds = feeds or Feeds()
        self.kept = Kept(KEPT)
        self.open: Shelf[Watched] = Shelf(OPEN, Watched.close)

    def close(self) -> None:
        """End what streams, and leave no copy of a journal."""
        self.feeds.end()
        self.open.clear()

    def overview(self, request: Request) -> Response:
        """All runs."""
        query = overview.read(request.query_params)
        return page(pages.overview_page(self.folder, self.runs.scan(), query))

    def live_overview(self, request: Request) -> Response:
        """What changes in it."""
        query = overview.read(request.query_params)
        return events(request, self.feeds.stream(query.address(), self.follow_runs(query)))

    def follow_runs(self, query: Query) -> Look:
        """What of the list may be otherwise at the next look."""
        return lambda: pages.overview_fragments(overview.choose(self.runs.scan(), query), query)

    def run(self, request: Request) -> Response:
        """One run."""
        run, query = self.summary(request), request.query_params
        for kind, name in (("call", "key"), ("panel", "panel")):
            if name in query:  # a link in a section is relative to whatever page shows it
                return RedirectResponse(f"{pages.address(run.name, kind)}?{query}", 307)
        place = f"{self.folder}/{run.name}" if run.path != self.runs.folder else self.folder
        return page(run_page(run, self.look(run), self.kept, place=place))

    def live_run(self, request: Request) -> Response:
        """What changes in it."""
        name = self.summary(request).name
        stream = self.feeds.stream(pages.address(name, "run"), self.follow_run(name))
        return events(request, stream)

    def follow_run(self, name: str) -> Look:
        """What of a run's page may be otherwise at the next look."""

        def look() -> Mapping[str, str]:
            try:
                run = self.runs.get(name)
                return live_fragments(run, self.look(run), self.kept)
            except KeyError:
                return {CONNECTION: GONE}

        return look

    def chart(self, request: Request) -> Response:
        """A chart of a run's page as SVG, or its data as CSV."""
        run = self.summary(request)
        return self.drawn(request, self.look(run))

    def drawn(self, request: Request, looked: Looked) -> Response:
        """The chart that the address names, as it names it."""
        number, ending = request.path_params["number"], request.path_params["ending"]
        if number >= len(looked.charts):
            raise HTTPException(404, "There is no such chart, or no longer.")
        chart = looked.charts[number]
        name = f"{pages.anchor(chart.title)}.{ending}"
        if ending == "csv":
            return file(svg.chart_csv(chart, chart.axis).encode(), "text/csv", name)
        if ending == "svg":
            drawn = svg.standalone(svg.chart(chart, chart.axis))
            return file(drawn.encode(), "image/svg+xml", name)
        raise HTTPException(404, "A chart is kept as svg, png or csv.")

    def call(self, request: Request) -> Response:
        """One call of a run's journal."""
        run, key = self.summary(request), request.query_params.get("key", "")
        with self.watched(run) as watched:
            section = watched.journal.call(key)
        return self.sections(section.title, [section], run)

    def sections(self, title: str, sections: list[Section], run: Summary) -> Response:
        """A page of sections about a run."""
        draw = Drawer(self.kept, run.name, pages.address(run.name, "chart"))
        shown = draw.sections(sections)
        return page(
            pages.render("part.html.j2", title=title, line="", names=[run.name], parts=shown)
        )

    def image(self, request: Request) -> Response:
        """A picture that a page shows."""
        return self._found(request, "png", "image/png")

    def data(self, request: Request) -> Response:
        """A table that a page offers."""
        return self._found(request, "csv", "text/csv")

    def _found(self, request: Request, ending: str, kind: str) -> Response:
        self.summary(request)
        try:
            content = self.kept.find(f"{request.path_params['digest']}.{ending}")
        except KeyError:
            raise HTTPException(404, "It is no longer kept: load its page again.") from None
        return Response(content, media_type=kind, headers={"cache-control": "max-age=3600"})

    def summary(self, request: Request) -> Summary:
        """The run that the address names. Raises HTTPException where there is none."""
        name = request.path_params["name"].rstrip("/")
        if len(name) <= LONGEST_NAME and "\0" not in name:
            with contextlib.suppress(KeyError, OSError, ValueError):
                return self.runs.get(name)
        raise HTTPException(404, "There is no such run here, or no longer.")

    def look(self, run: Summary) -> Looked:
        """The run as it is now."""
        with self.watched(run) as watched:
            return watched.look(run)

    def watched(self, run: Summary) -> contextlib.AbstractContextManager[Watched]:
        """What was read of a run, for one thread at a time."""
        return self.open.use(run.path, lambda: Watched(run.path))


def page(html: str, status: int = 200) -> Response:
    """HTML."""
    return Response(html, status, media_type="text/html; charset=utf-8")


def file(content: bytes, kind: str, name: str) -> Response:
    """Something to be kept as a file."""
    shown = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=kind, headers={"content-disposition": shown})


def events(request: Request, stream: AsyncIterator[str]) -> Response:
    """A stream of server-sent events."""
    if request.method == "HEAD":
        return Response(media_type="text/event-stream")
    return StreamingResponse(stream, media_type="text/event-stream")
