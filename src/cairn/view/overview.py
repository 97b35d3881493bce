"""Which runs the overview shows, in which order: search, filters and sorting as an address says.

All of it stands in the address, so that the page works without a script and can be kept.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cairn.core.errors import ConfigError
from cairn.view.choose import order, search, where
from cairn.view.summaries import Summary

PER_PAGE = 500
STATES = ("running", "stopped", "finished", "killed", "unreadable")
SORTS = (
    "star", "name", "state", "method", "task", "seeds", "cost", "headline", "updated", "created",
)  # fmt: skip
"""What can be sorted by; with a minus the largest first."""
NEWEST = "-updated"
LONGEST = 1_000
"""Characters of what is searched for."""
MOST_FIELDS = 400


class Query(NamedTuple):
    """What an address asks the overview for."""

    search: str = ""
    """Words that must all occur in what the list says of a run."""
    state: str = ""
    """One of `STATES`; empty for any."""
    where: str = ""
    """Conditions on fields and settings: `seeds>2 method=accel`, see `choose.where`."""
    sort: str = NEWEST
    """One of `SORTS`, with a minus or without."""
    page: int = 1

    def address(self, **changes: Any) -> str:
        """The address of this overview with some of it changed."""
        names = {"search": "q"}
        fields = self._replace(**changes)._asdict()
        kept = {names.get(n, n): v for n, v in fields.items() if v != Query._field_defaults[n]}
        return f"/?{urlencode(kept)}" if kept else "/"


class Shown(NamedTuple):
    """A page of the overview."""

    runs: Sequence[Summary]
    found: int
    """Runs that fit the query, on all pages."""
    total: int
    pages: int
    problem: str
    """What is wrong with the query, in a line."""


def read(found: Mapping[str, str]) -> Query:
    """The query in an address. What it cannot be is left out."""
    sort = found.get("sort", NEWEST)
    page = found.get("page", "1")
    return Query(
        found.get("q", "")[:LONGEST].strip(),
        found.get("state", "") if found.get("state") in STATES else "",
        found.get("where", "")[:LONGEST].strip(),
        sort if sort.removeprefix("-") in SORTS else NEWEST,
        int(page) if re.fullmatch("[1-9][0-9]{0,5}", page) else 1,
    )


def choose(runs: Sequence[Summary], query: Query) -> Shown:
    """The runs that an overview shows. A filter that cannot be read finds none and says why."""
    problem = ""
    found = [run for run in runs if not query.state or run.state == query.state]
    try:
        found = search(where(found, query.where), query.search)
    except ConfigError as error:
        found, problem = [], str(error)
    found.sort(key=lambda run: natural(run.name))
    if query.sort.removeprefix("-") != "name":
        found = order(found, query.sort)
    elif query.sort.startswith("-"):
        found.reverse()
    pages = max(1, -(-len(found) // PER_PAGE))
    first = (min(query.page, pages) - 1) * PER_PAGE
    return Shown(found[first : first + PER_PAGE], len(found), len(runs), pages, problem)


def fields(runs: Iterable[Summary]) -> list[str]:
    """The names of config fields there are, for who filters by one."""
    return sorted({name for run in runs for name in run.config})[:MOST_FIELDS]


def natural(text: str) -> list[tuple[int, str]]:
    """A key by which `run-10` comes after `run-9`."""
    parts = re.split(r"([0-9]+)", text.casefold())
    return [(int(p) if p.isdecimal() and len(p) < 20 else -1, p) for p in parts]
