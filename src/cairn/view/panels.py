"""Panels of a run on its page: made by the process beside the server, when somebody looks."""

from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup

from cairn.core.errors import CairnError
from cairn.report import svg
from cairn.report.data import Chart
from cairn.view import facts, pages
from cairn.view.fragments import Shown
from cairn.view.jobs import EXPORT
from cairn.view.site import Site, file, quiet
from cairn.view.summaries import Summary
from cairn.view.web import HTTPException, Request, Response, run_in_threadpool
from cairn.view.worker import Made, offers

LONGEST = 200
"""Characters of a panel's argument."""
MOST = 20
"""Arguments of a panel."""

TEXTS: Mapping[str, tuple[Callable[[Chart], str], str]] = {
    "svg": (lambda chart: svg.standalone(svg.chart(chart, chart.axis)), "image/svg+xml"),
    "csv": (lambda chart: svg.chart_csv(chart, chart.axis), "text/csv"),
}
"""What a chart can be kept as here, made in a thread: of long curves it takes a while; its kind."""


class Panels:
    """What the process beside the server makes."""

    def __init__(self, site: Site):
        self._site = site

    async def panel(self, request: Request) -> Response:
        """A panel; a script of ours gets it alone, without a page around it."""
        run = await run_in_threadpool(self._site.summary, request)
        arguments = dict(request.query_params)
        name = arguments.pop("panel", "")
        if (
            name in ("", EXPORT)  # a whole run is a file of its own
            or len(arguments) > MOST
            or max(map(len, [name, *arguments.values()])) > LONGEST
        ):
            raise HTTPException(404, "There is no such panel.")
        newest = await run_in_threadpool(facts.newest, run)  # before: it may be newer when made
        titles = {offer.panel: offer.title for offer in offers(run.kind, run.config, run.command)}
        redact = self._site.redact and run.kind != "compiled"
        if redact:
            arguments["redact"] = "1"
        try:
            first = request.headers.get("x-first") == "1"
            made = await self._made(run, name, arguments, first=first)
            title, html = made.title or titles.get(name, name), Markup(made.html)
        except CairnError as error:
            title = titles.get(name, name)
            said = "This panel cannot be made." if redact else str(error)  # it may quote a prompt
            html = pages.macros("parts_of_run.html.j2").failed(title, said)
        if quiet(request):
            answer = self._site.page(html) if html else Response(status_code=204)
            answer.headers["x-newest"] = newest
            return answer
        shown = html or pages.macros("parts_of_run.html.j2").failed(title, "Nothing to show.")
        return self._site.page(
            pages.render(
                "part.html.j2",
                title=f"{title}: {run.name}",
                line="",
                names=[run.name],
                parts=[Shown(name, title, shown)],
            )
        )

    async def export(self, request: Request) -> Response:
        """A run as one HTML file."""
        run = await run_in_threadpool(self._site.summary, request)
        if run.kind == "broken":
            raise HTTPException(404, f"This run cannot be read: {run.problem}")
        redact = {"redact": "1"} if self._site.redact else {}
        made = await self._site.hands.make(run.path, EXPORT, redact, at=None)
        html = self._site.hidden(made.html).encode("utf-8")
        return file(html, "text/html; charset=utf-8", f"{run.name.rpartition('/')[2]}.html")

    async def chart(self, request: Request) -> Response:
        """A chart of a run's page as SVG or PNG, or its data as CSV."""
        run = await run_in_threadpool(self._site.summary, request)
        looked = await run_in_threadpool(self._site.look, run)
        return await self.drawn(request, looked.charts)

    async def drawn(self, request: Request, charts: Sequence[Chart]) -> Response:
        """The one of the charts that the address names, as it names it."""
        number, ending = request.path_params["number"], request.path_params["ending"]
        if number >= len(charts):
            raise HTTPException(404, "There is no such chart, or no longer.")
        chart = charts[number]
        if ending == "png":
            content, kind = await self._site.hands.draw(chart), "image/png"
        elif ending in TEXTS:
            make, kind = TEXTS[ending]
            content = (await run_in_threadpool(make, chart)).encode()
        else:
            raise HTTPException(404, "A chart is kept as svg, png or csv.")
        return file(content, kind, f"{pages.anchor(chart.title)}.{ending}")

    async def _made(
        self, run: Summary, name: str, arguments: Mapping[str, str], *, first: bool
    ) -> Made:
        made = await self._site.hands.make(run.path, name, arguments, at=run.name, first=first)
        for png in made.images.values():
            self._site.kept.keep(png, "png")
        for csv in made.data.values():
            self._site.kept.keep(csv.encode(), "csv")
        return made
