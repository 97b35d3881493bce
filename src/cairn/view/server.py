"""The server of `cairn view`: which address shows what. It never imports JAX or Matplotlib."""

import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from cairn.core.errors import CairnError
from cairn.view import overview, pages
from cairn.view.index import Runs
from cairn.view.live import Feeds
from cairn.view.security import App, Guard, Message, Receive, Scope, Send
from cairn.view.summaries import Summary
from cairn.view.web import (
    ClientDisconnect,
    HTTPException,
    Middleware,
    Request,
    Response,
    Route,
    Starlette,
    StreamingResponse,
)

LONGEST_NAME = 1_000
"""Characters of a run's name in an address."""
KEPT = "public, max-age=31536000, immutable"
logger = logging.getLogger(__name__)


class Site:
    """Everything there is to see under one folder."""

    def __init__(self, folder: Path, feeds: Feeds | None = None):
        self.runs = Runs(folder)
        self.folder = folder.name or str(folder)
        """Its last name: no page shows where it lies on this machine."""
        self.feeds = feeds or Feeds()

    def overview(self, request: Request) -> Response:
        """All runs."""
        query = overview.read(request.query_params)
        return page(pages.overview_page(self.folder, self.runs.scan(), query))

    def live_overview(self, request: Request) -> Response:
        """What changes in it."""
        query = overview.read(request.query_params)

        def look() -> dict[str, str]:
            return pages.overview_fragments(overview.choose(self.runs.scan(), query), query)

        return events(request, self.feeds.stream(f"/{request.url.query}", look))

    def summary(self, request: Request) -> Summary:
        """The run that the address names. Raises HTTPException where there is none."""
        name = request.path_params["name"].rstrip("/")
        if len(name) <= LONGEST_NAME and "\0" not in name:
            with contextlib.suppress(KeyError, OSError, ValueError):
                return self.runs.get(name)
        raise HTTPException(404, "There is no such run here, or no longer.")

    def routes(self) -> list[Route]:
        """Which address shows what."""
        return [
            Route("/", self.overview),
            Route("/live", self.live_overview),
            Route("/static/{name}", static),
        ]


def app(
    folder: Path, *, token: str | None = None, elsewhere: bool = False, feeds: Feeds | None = None
) -> App:
    """The server's pages about the runs under `folder`.

    `elsewhere`: it listens beyond this machine, and may be called by any name; that takes a token.
    `feeds`: what streams, for whoever must end it. Raises ConfigError if there is no such folder.
    """
    site = Site(folder, feeds)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        site.feeds.end()

    handlers = {HTTPException: _refused, CairnError: _failed}
    made = Starlette(
        routes=site.routes(),
        middleware=[Middleware(Steady)],
        exception_handlers=handlers,  # type: ignore[arg-type]
        lifespan=lifespan,
    )
    return Guard(made, token=token, elsewhere=elsewhere)


class Steady:
    """A page that cannot be made is one that says so; the others go on."""

    def __init__(self, app: App):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except ClientDisconnect:
            return
        except Exception as error:
            logger.error("%s could not be shown", scope.get("path"), exc_info=error)
            if begun:
                raise
            lines = [
                "This page could not be made: a mistake in cairn, or files that nobody foresaw.",
                f"{type(error).__name__}. The terminal of cairn view says more. Others go on.",
            ]
            await page(pages.message("Not shown", lines), 500)(scope, receive, send)


def page(html: str, status: int = 200) -> Response:
    """HTML."""
    return Response(html, status, media_type="text/html; charset=utf-8")


def events(request: Request, stream: AsyncIterator[str]) -> Response:
    """A stream of server-sent events."""
    if request.method == "HEAD":
        return Response(media_type="text/event-stream")
    return StreamingResponse(stream, media_type="text/event-stream")


def static(request: Request) -> Response:
    """A file that pages load."""
    try:
        content, kind = pages.static(request.path_params["name"])
    except KeyError:
        raise HTTPException(404, "There is no such file.") from None
    return Response(content, media_type=kind, headers={"cache-control": KEPT})


def _refused(_: Request, error: HTTPException) -> Response:
    title = "Not here" if error.status_code == 404 else "Not done"
    return page(pages.message(title, [error.detail]), error.status_code)


def _failed(_: Request, error: CairnError) -> Response:
    return page(pages.message("Not done", [str(error)]), 400)
