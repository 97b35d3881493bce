"""The server of `cairn view`: which address shows what. It never imports JAX or Matplotlib."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from cairn.core.errors import CairnError
from cairn.view import pages
from cairn.view.compare_page import ComparePage
from cairn.view.live import Feeds
from cairn.view.panels import Panels
from cairn.view.posts import Posts
from cairn.view.security import App, Guard, Message, Receive, Scope, Send
from cairn.view.site import Site
from cairn.view.web import (
    ClientDisconnect,
    HTTPException,
    Middleware,
    Request,
    Response,
    Route,
    Starlette,
)

KEPT = "public, max-age=31536000, immutable"
logger = logging.getLogger(__name__)


def routes(site: Site) -> list[Route]:
    """Which address shows what."""
    posts, panels = Posts(site), Panels(site)
    several = ComparePage(site, panels)
    get = [
        ("/", site.overview),
        ("/live", site.live_overview),
        ("/compare", several.compare),
        ("/compare/{number:int}.{ending}", several.chart),
        ("/export/{name:path}", panels.export),
        ("/static/{name}", static),
        ("/run/{name:path}", site.run),
        ("/live/{name:path}", site.live_run),
        ("/call/{name:path}", site.call),
        ("/panel/{name:path}", panels.panel),
        ("/chart/{name:path}/{number:int}.{ending}", panels.chart),
        ("/image/{name:path}/{digest}.png", site.image),
        ("/data/{name:path}/{digest}.csv", site.data),
    ]
    post = [("/notes/{name:path}", posts.notes), ("/verdict/{name:path}", posts.verdict)]
    return [
        *(Route(path, answer) for path, answer in get),
        *(Route(path, answer, methods=["POST"]) for path, answer in post),
    ]


def app(
    folder: Path,
    *,
    token: str | None = None,
    elsewhere: bool = False,
    redact: bool = False,
    feeds: Feeds | None = None,
) -> App:
    """The server's pages about the runs under `folder`.

    `elsewhere`: it listens beyond this machine, and may be called by any name; that takes a token.
    `redact`: of prompts and responses no page shows more than lengths and digests.
    `feeds`: what streams, for whoever must end it. Raises ConfigError if there is no such folder.
    """
    site = Site(folder, feeds, redact=redact)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        closing = asyncio.create_task(site.close_when_it_ends())
        yield
        site.feeds.end()
        await closing

    def refused(_: Request, error: HTTPException) -> Response:
        title = "Not here" if error.status_code == 404 else "Not done"
        return site.page(pages.message(title, [error.detail]), error.status_code)

    def failed(_: Request, error: CairnError) -> Response:
        return site.page(pages.message("Not done", [str(error)]), 400)

    handlers = {HTTPException: refused, CairnError: failed}
    made = Starlette(
        routes=routes(site),
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
            answer = Response(pages.message("Not shown", lines), 500, media_type="text/html")
            await answer(scope, receive, send)


def static(request: Request) -> Response:
    """A file that pages load."""
    try:
        content, kind = pages.static(request.path_params["name"])
    except KeyError:
        raise HTTPException(404, "There is no such file.") from None
    return Response(content, media_type=kind, headers={"cache-control": KEPT})
