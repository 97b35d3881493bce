"""What there is to see under a folder, and the pages that show it."""

import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup, escape

from cairn.core.errors import CairnError
from cairn.report.parts import Section, Words
from cairn.view import overview, pages, verdicts
from cairn.view.facts import guarded
from cairn.view.fragments import Drawer, Shown
from cairn.view.index import Runs
from cairn.view.live import CONNECTION, Feeds, Look
from cairn.view.overview import Query
from cairn.view.run_page import Around, drawer, live_fragments, run_page, waiting
from cairn.view.shelf import Kept, Shelf
from cairn.view.summaries import Summary
from cairn.view.watched import Looked, Watched
from cairn.view.web import (
    HTTPException,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    run_in_threadpool,
)
from cairn.view.worker import Hands

LONGEST_NAME = 1_000
"""Characters of a run's name in an address."""
OPEN = 4
"""Runs of which lines are kept in memory, at most some 20 MB each."""
KEPT = 32 << 20
"""Bytes of pictures and tables that pages link to."""
LONGEST_SEARCH = 200
"""Characters of what is searched for among calls."""
GONE = "This run is gone: it was deleted, moved or renamed. What you see is its last state."


class Site:
    """Everything there is to see under one folder."""

    def __init__(self, folder: Path, feeds: Feeds | None = None, *, redact: bool = False):
        """`redact`: of prompts and responses no page shows more than lengths and digests."""
        self.runs = Runs(folder, redact=redact)
        self.redact = redact
        # As it was given, so that commands on a page work, or its last name: no page shows where
        # it lies on this machine.
        plain = not folder.is_absolute() and ".." not in folder.parts
        self.folder = str(folder) if plain else self.runs.folder.name
        self.hidden = hider(str(self.runs.folder), self.folder)
        self.feeds = feeds or Feeds()
        self.kept = Kept(KEPT)
        self.hands = Hands()
        self.open: Shelf[Watched] = Shelf(OPEN, Watched.close)

    async def close_when_it_ends(self) -> None:
        """Whoever waits for a panel is told at once; no copy of a journal is left."""
        await self.feeds.ended.wait()
        await self.hands.close()
        await run_in_threadpool(self.open.clear)

    def overview(self, request: Request) -> Response:
        """All runs."""
        query = overview.read(request.query_params)
        runs = self.runs.scan()
        return self.page(pages.overview_page(self.folder, runs, query, self.runs.problems))

    def live_overview(self, request: Request) -> Response:
        """What changes in it."""
        query = overview.read(request.query_params)
        return events(request, self.feeds.stream(query.address(), self.follow_runs(query)))

    def follow_runs(self, query: Query) -> Look:
        """What of the list may be otherwise at the next look."""

        rows = pages.Rows(query)

        def fragments() -> Mapping[str, str]:
            return rows.fragments(overview.choose(self.runs.scan(), query))

        return lambda: self._pushed(fragments)

    def run(self, request: Request) -> Response:
        """One run."""
        run, query = self.summary(request), request.query_params
        for kind, name in (("call", "key"), ("panel", "panel")):
            if name in query:  # a link in a section is relative to whatever page shows it
                return RedirectResponse(f"{pages.address(run.name, kind)}?{query}", 307)
        looked, draw, place = self.look(run), drawer(run, self.kept), self.place(run)
        figures = draw.sections(looked.figures)
        before: list[Shown] = []
        after = [] if run.kind == "broken" else draw.sections(waiting(run))
        if run.kind == "journaled":  # what it found comes before how its calls went
            asked = self.asked(run)
            before = [*after, *([] if asked is None else [asked])]
            after = self.calls(run, query)
        parts = Around(before, figures, after, draw.sections(looked.facts))
        return self.page(run_page(run, looked, parts, draw, place, redact=self.redact))

    def _pushed(self, fragments: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
        """What is pushed, or what went wrong; neither says where the folder lies."""
        try:
            found = fragments()
        except (CairnError, OSError) as error:
            found = {CONNECTION: str(error)}
        return {id: self.hidden(html) for id, html in found.items()}

    def place(self, run: Summary) -> str:
        """What a run is called in a command."""
        return self.folder if run.path == self.runs.folder else f"{self.folder}/{run.name}"

    def calls(self, run: Summary, query: Mapping[str, str]) -> list[Shown]:
        """The calls of a run's journal that are still held."""
        draw, macros = drawer(run, self.kept), pages.macros("parts_of_run.html.j2")
        search = query.get("search", "")[:LONGEST_SEARCH]

        def look() -> Section:
            with self.watched(run) as watched:
                return watched.journal.calls(search, query.get("before", "")[:LONGEST_SEARCH])

        held = guarded("calls", "Calls that are held", look)
        form = Markup(macros.call_search(run.name, search))
        return [draw.section(held.id, held.title, form + draw.parts(held.parts))]

    def asked(self, run: Summary) -> Shown | None:
        """What people say of its responses, and the next one to judge; None if there are none."""
        draw = drawer(run, self.kept)
        try:
            section = verdicts.section(run.path, self.place(run), redact=self.redact)
            if section is None:
                return None
            problem = verdicts.taken(run.path).problem
            question = None if problem else verdicts.next_to_judge(run.path)
        except CairnError as error:
            said = "Nothing can be judged." if self.redact else str(error)
            told = [Words(said, "bad")]
            return draw.section("verdicts", "What people say", draw.parts(told))
        html = draw.parts(section.parts)
        if not problem and not self.redact:
            html += Markup(pages.macros("parts_of_run.html.j2").verdict(run.name, question))
        return draw.section(section.id, section.title, html)

    def live_run(self, request: Request) -> Response:
        """What changes in it."""
        name = self.summary(request).name
        stream = self.feeds.stream(pages.address(name, "run"), self.follow_run(name))
        return events(request, stream)

    def follow_run(self, name: str) -> Look:
        """What of a run's page may be otherwise at the next look."""

        def fragments() -> Mapping[str, str]:
            try:
                run = self.runs.get(name)
            except KeyError:
                return {CONNECTION: GONE}
            return live_fragments(run, self.look(run), self.kept, self.place(run))

        return lambda: self._pushed(fragments)

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
        return self.page(
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

    def page(self, html: str, status: int = 200) -> Response:
        """HTML."""
        return Response(self.hidden(html), status, media_type="text/html; charset=utf-8")

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
        return self.open.use(run.path, lambda: self._watch(run))

    def _watch(self, run: Summary) -> Watched:
        return Watched(run.path, self.place(run), redact=self.redact)


def hider(where: str, name: str) -> Callable[[str], str]:
    """Puts `name` in the place of the folder `where` in a text, or in HTML.

    Messages about files are made for a terminal, and say where on the machine they lie. An address
    of ours, which follows a quotation mark or a sign of equality, is no place on the disk, nor is
    the end of an element.
    """
    place = re.compile(rf'(?<![="\w/<]){re.escape(str(escape(where)))}(?![\w-])')
    said, shown = str(escape(where)), str(escape(name))
    return lambda text: place.sub(lambda _: shown, text) if said in text else text


def file(content: bytes, kind: str, name: str) -> Response:
    """Something to be kept as a file."""
    shown = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(content, media_type=kind, headers={"content-disposition": shown})


def quiet(request: Request) -> bool:
    """Whether a script of ours asks, for a part of a page."""
    return request.headers.get("x-part") == "1"


def events(request: Request, stream: AsyncIterator[str]) -> Response:
    """A stream of server-sent events."""
    if request.method == "HEAD":
        return Response(media_type="text/event-stream")
    return StreamingResponse(stream, media_type="text/event-stream")
