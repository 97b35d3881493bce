"""The page of one run, and what of it is pushed anew while it is looked at."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from cairn.core.console import plural
from cairn.core.errors import CairnError
from cairn.report.parts import Later, Section, Words
from cairn.view import facts, notes, pages
from cairn.view.fragments import Drawer, Shown
from cairn.view.shelf import Kept
from cairn.view.summaries import Summary
from cairn.view.watched import Looked
from cairn.view.worker import offers


class Around(NamedTuple):
    """The sections of a page, in its order, but for those that every run has."""

    before: Sequence[Shown]
    figures: Sequence[Shown]
    """Pushed anew when they change."""
    after: Sequence[Shown]
    facts: Sequence[Shown]
    """Pushed anew when they change."""


def run_page(
    run: Summary, looked: Looked, parts: Around, draw: Drawer, place: str, *, redact: bool = False
) -> str:
    """The whole page. `place`: what the run is called in a command.

    `redact`: without the config of a language run, which may hold prompts.
    """
    made = _made(run, place)[redact and run.kind != "compiled" :]
    return pages.render(
        "run.html.j2",
        title=run.name,
        run=run,
        head=_head(run, looked, place),
        parts=parts,
        rest=[_notes(run, draw), *draw.sections(made), *_kept(run, draw)],
        live=pages.address(run.name, "live"),
    )


def live_fragments(run: Summary, looked: Looked, kept: Kept, place: str) -> dict[str, str]:
    """What may be otherwise at the next look, by id, and the order of the sections."""
    draw = drawer(run, kept)
    found = {"live-head": str(_head(run, looked, place))}
    for id, sections in (("live-figures", looked.figures), ("live-facts", looked.facts)):
        shown = draw.sections(sections)
        found |= {part.id: str(part.html) for part in shown}
        found[f"{id}:order"] = " ".join(part.id for part in shown)
    return found


def waiting(run: Summary) -> list[Section]:
    """A section for each panel that the run may have, with a link to it until it is there."""
    return [
        Section(f"panel-{offer.panel}", offer.title, [Later(offer.panel, offer.words)])
        for offer in offers(run.kind, run.config, run.command)
    ]


def drawer(run: Summary, kept: Kept) -> Drawer:
    """Who draws the sections of a run's page."""
    return Drawer(kept, run.name, pages.address(run.name, "chart"))


def _head(run: Summary, looked: Looked, place: str) -> Markup:
    head = pages.macros("parts_of_run.html.j2").head
    return Markup(head(run, _line(run), looked.speed, facts.go_on(run, place), facts.newest(run)))


def _line(run: Summary) -> str:
    """What it is, in a line."""
    if run.kind == "broken":
        return ""
    what = " on ".join(filter(None, (run.method, run.task)))
    seeds = f", {plural(run.seeds, 'seed')}" if run.kind == "compiled" else ""
    return f"{what}{seeds}, by {run.command}"


def _notes(run: Summary, draw: Drawer) -> Shown:
    try:
        html = Markup(pages.macros("parts_of_run.html.j2").notes(run, notes.read(run.path)))
    except (CairnError, OSError) as error:
        html = draw.parts([Words(str(error), "bad")])
    return draw.section("notes", "Tags and note", html)


def _kept(run: Summary, draw: Drawer) -> list[Shown]:
    if run.kind == "broken":
        return []
    html = Markup(pages.macros("parts_of_run.html.j2").exports(run))
    return [draw.section("export", "Export", html)]


def _made(run: Summary, place: str) -> list[Section]:
    return [
        facts.guarded("config", "Config", lambda: facts.again(run, place)),
        facts.guarded("versions", "Versions", lambda: facts.versions(run)),
    ]
