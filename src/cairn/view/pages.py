"""Pages from templates: every value is escaped and made printable where it is put in."""

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import Environment

from cairn import __version__
from cairn.core.console import count, plural
from cairn.report import render as kit
from cairn.report.words import moment
from cairn.view import overview
from cairn.view.choose import NAMES
from cairn.view.journal_found import COMMANDS
from cairn.view.kinds import is_simulated
from cairn.view.overview import Query, Shown
from cairn.view.summaries import Summary, within

STATIC = {
    "kit.css": ("cairn.report", "text/css; charset=utf-8"),
    "kit.js": ("cairn.report", "text/javascript; charset=utf-8"),
    "view.css": ("cairn.view", "text/css; charset=utf-8"),
    "panels.js": ("cairn.view", "text/javascript; charset=utf-8"),
    "view.js": ("cairn.view", "text/javascript; charset=utf-8"),
}
"""Files that pages load, with their package and kind. Nothing else is served as a file."""
COLUMNS = (
    ("star", "★"), ("name", "Run"), ("state", "State"), ("method", "Method"), ("task", "Task"),
    ("seeds", "Seeds"), ("cost", "Spent"), ("headline", "Headline"), ("updated", "Updated"),
)  # fmt: skip
FALLING = ("star", "seeds", "cost", "headline", "updated")
"""Columns of which one wants the largest first."""


def overview_page(
    folder: str, runs: Sequence[Summary], query: Query, problems: Sequence[str] = ()
) -> str:
    """The table of runs. `problems`: what could not be looked into, in a line each."""
    shown = overview.choose(runs, query)
    return render(
        "overview.html.j2",
        title="Runs",
        folder=folder,
        shown=shown,
        problems=problems,
        query=query._replace(page=min(query.page, shown.pages)),
        states=overview.STATES,
        fields=[*NAMES, *overview.fields(runs)],
        columns=COLUMNS,
        falling=FALLING,
        live="/live" + query.address().removeprefix("/"),
    )


class Rows:
    """The rows of a live overview: one is made anew when its run has changed since the last."""

    def __init__(self, query: Query):
        self._query = query
        self._made: dict[str, tuple[Summary, str]] = {}

    def fragments(self, shown: Shown) -> dict[str, str]:
        """What a live overview replaces, by id: the line of counts, every row, and their order."""
        parts, before = macros("rows.html.j2"), self._made
        self._made = {}
        for run in shown.runs:
            old = before.get(run.name)
            if old is None or old[0] is not run:
                old = run, str(parts.row(run, self._query))
            self._made[run.name] = old
        rows = {f"run-{digest(name)}": html for name, (_, html) in self._made.items()}
        count_line = str(parts.count_line(shown, self._query))
        return {"count": count_line, "rows:order": " ".join(rows), **rows}


def message(title: str, lines: Sequence[str]) -> str:
    """A page that says what is the matter, and leads back."""
    return render("message.html.j2", title=title, lines=lines)


def render(template: str, **values: Any) -> str:
    """A page. Without `live` it is not followed."""
    return environment().get_template(template).render(**{"live": "", **values})


def macros(template: str) -> Any:
    """The macros of a template, as functions that give HTML."""
    return environment().get_template(template).module


@cache
def environment() -> Environment:
    """The kit's environment with what the pages of a server need besides."""
    found = kit.environment("cairn.view")
    found.filters |= {
        "address": address,
        "digest": digest,
        "figure": figure,
        "moment": moment,
        "plural": plural,
        "quoted": repr,
        "share": share,
        "spent": spent,
        "within": within,
        "thousands": lambda number: f"{number:,}",
    }
    found.globals |= {"static": static_address, "version": __version__}
    found.tests["tested"] = lambda run: run.command not in COMMANDS
    found.tests["simulated"] = lambda run: is_simulated(run.config)
    return found


@cache
def static(name: str) -> tuple[bytes, str]:
    """A file that pages load, and its kind. Raises KeyError if there is no such file."""
    package, kind = STATIC[name]
    return resources.files(package).joinpath(kit.FOLDER, name).read_bytes(), kind


def static_address(name: str) -> str:
    """Where it is, with a mark that changes when the file does: browsers may keep it."""
    return f"/static/{name}?v={hashlib.sha256(static(name)[0]).hexdigest()[:12]}"


def address(name: str, kind: str) -> str:
    """Where a page about a run is: `/run/NAME`, `/notes/NAME` and the like."""
    return f"/{kind}/{quote(name, safe='/')}"


def digest(name: str) -> str:
    """A name as an id may have it."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def figure(value: float | None) -> str:
    """A figure in few digits; a dash for none."""
    if value is None or value != value:
        return "–"
    if abs(value) >= 100_000:
        return f"{value:.3g}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3f}"


def spent(run: Summary) -> str:
    """What a run has spent in its unit."""
    unit = run.unit.removeprefix("environment ")
    return "–" if run.cost is None else f"{count(run.cost)} {unit}"


def share(run: Summary) -> str:
    """How much of its budget a run has spent; what it spent beyond, since cycles are whole."""
    asked = run.config.get("run.steps")
    if run.kind == "compiled" and isinstance(asked, int) and (run.cost or 0) > asked:
        return f"of {count(asked)} asked (whole cycles)"
    return f"{100 * (run.progress or 0):.0f} % of the budget"


def anchor(text: str) -> str:
    """A text as an anchor: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "part"
