"""What a page may change of a run: stars, tags, notes, verdicts. Each is checked and small."""

from collections.abc import Callable, Mapping

from cairn.core.errors import CairnError, ConfigError
from cairn.view import notes, pages, verdicts
from cairn.view.site import Site, quiet
from cairn.view.summaries import Summary
from cairn.view.web import RedirectResponse, Request, Response, form, run_in_threadpool

SAID = {"unsafe": True, "safe": False, "skip": None, "undo": None}
VERDICT_BYTES = 4 * 1024
NOTES_BYTES = 160 * 1024
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
                revision=_number(fields["revision"], "revision") if "revision" in fields else None,
            )
            return _done(request, run, "Saved.", {"x-revision": str(kept.revision)})

        return await self._answer(request, NOTES_BYTES, change)

    async def verdict(self, request: Request) -> Response:
        """What somebody says of a response: unsafe, safe, skip; or undo, the last is taken back."""
        run = await run_in_threadpool(self._site.summary, request)

        def change(fields: Mapping[str, str]) -> Response:
            said = fields.get("say", "")
            if said not in SAID:
                raise ConfigError(f"say must be one of {', '.join(SAID)}, got {said!r}.")
            if said == "undo":
                verdicts.undo(run.path)
            else:
                id, sample = (_number(fields.get(name, ""), name) for name in ("id", "sample"))
                verdicts.give(run.path, id, sample, SAID[said], skip=said == "skip")
            if not quiet(request):
                return RedirectResponse(f"{pages.address(run.name, 'run')}#verdicts", 303)
            asked = self._site.asked(run)
            return self._site.page("" if asked is None else asked.html)

        return await self._answer(request, VERDICT_BYTES, change)

    async def _answer(
        self, request: Request, most: int, change: Callable[[Mapping[str, str]], Response]
    ) -> Response:
        """Read the form and change something. A script on the page wants a line, not a page."""
        try:
            return await run_in_threadpool(change, await form(request, most))
        except CairnError as error:
            if not quiet(request):
                raise
            return Response(self._site.hidden(str(error)), 400, media_type="text/plain")


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


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ConfigError(f"{name} must be a count, got {text!r}.")
    return int(text)
