"""What a page may change of a run: stars, tags and notes. Each is checked, small and whole."""

from collections.abc import Callable, Mapping

from cairn.core.errors import CairnError, ConfigError
from cairn.view import notes, pages
from cairn.view.site import Site
from cairn.view.summaries import Summary
from cairn.view.web import RedirectResponse, Request, Response, form, run_in_threadpool

NOTES_BYTES = 64 * 1024
"""A form with the longest note, each character as `%F0%9F%98%80`."""


class Posts:
    """Answers to forms."""

    def __init__(self, site: Site):
        self._site = site

    async def notes(self, request: Request) -> Response:
        """Change a star, tags or a note: those fields that came."""
        run = await run_in_threadpool(self._site.summary, request)

        def change(fields: Mapping[str, str]) -> Response:
            kept = notes.write(
                run.path,
                star=_flag(fields["star"]) if "star" in fields else None,
                tags=fields["tags"].split(",") if "tags" in fields else None,
                note=fields.get("note"),
                revision=_number(fields["revision"]) if "revision" in fields else None,
            )
            return _done(request, run, "Kept.", {"x-revision": str(kept.revision)})

        return await _answer(request, NOTES_BYTES, change)


async def _answer(
    request: Request, most: int, change: Callable[[Mapping[str, str]], Response]
) -> Response:
    """Read the form and change something. A script on the page wants a line, not a page."""
    try:
        return await run_in_threadpool(change, await form(request, most))
    except CairnError as error:
        if not quiet(request):
            raise
        return Response(str(error), 400, media_type="text/plain")


def quiet(request: Request) -> bool:
    """Whether a script of ours asks, for a part of a page."""
    return request.headers.get("x-part") == "1"


def _done(request: Request, run: Summary, said: str, headers: Mapping[str, str]) -> Response:
    if quiet(request):
        return Response(said, media_type="text/plain", headers=dict(headers))
    back = request.query_params.get("back", "")
    ours = back.startswith("/") and not back.startswith(("//", "/\\"))
    return RedirectResponse(back if ours else pages.address(run.name, "run"), 303)


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ConfigError(f"star must be 0 or 1, got {text!r}.")
    return text == "1"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ConfigError(f"revision must be a count, got {text!r}.")
    return int(text)
