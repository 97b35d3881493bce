"""Pages of a report: one HTML file that loads, runs and sends nothing of what it shows.

A wing's template extends `page.html.j2` and takes its parts from `parts.html.j2`. Every value is
escaped, and made printable, where it is put in; a template has nothing to remember.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import product
from typing import Any, NamedTuple

import tomli_w
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cairn.archive.text_axes import Space
from cairn.core.redact import printable

FOLDER = "html"
"""Of a package, where its templates lie."""
SHADES = 5
LONGEST = 10_000
"""Characters of a text that a page shows: a page of answers of 200 kB each could not be read."""


class Card(NamedTuple):
    """A figure to take away."""

    name: str
    value: str
    note: str


class Square(NamedTuple):
    """A cell of a map."""

    text: str
    title: str
    share: float | None = None
    """In [0, 1], for its colour; None where nothing was measured."""
    href: str = ""
    empty: bool = False


class Heat(NamedTuple):
    """A map over two axes."""

    caption: str
    corner: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Square]]]


def heats(space: Space, square: Callable[[int], Square]) -> list[Heat]:
    """The cells of an archive of texts: a map over the first two axes for each place on the rest.

    `square(cell)` is what is shown of a cell.
    """
    flat = len(space.axes) == 1
    columns = ("",) if flat else space.axes[1].labels
    corner = " \\ ".join(axis.name for axis in space.axes[:2])
    maps = []
    for rest in product(*map(range, space.shape[2:])):
        over = [f"{a.name}: {a.labels[i]}" for a, i in zip(space.axes[2:], rest, strict=True)]
        rows = []
        for i, label in enumerate(space.axes[0].labels):
            places = ((i,) if flat else (i, j, *rest) for j in range(len(columns)))
            rows.append((label, [square(space.cell(place)) for place in places]))
        maps.append(Heat(", ".join(over), corner, columns, rows))
    return maps


class Provenance(NamedTuple):
    """Where a report comes from."""

    facts: Mapping[str, str]
    """Target, date, versions and the like, in the order to be shown."""
    config: str
    """The whole config, as text."""


def provenance(
    facts: Mapping[str, str], versions: Mapping[str, Any], config: Mapping[str, Any]
) -> Provenance:
    """What a run's directory says of how it was made. `config` holds no None."""
    named = (f"{name} {value}" for name, value in versions.items() if name not in NOT_VERSIONS)
    made = {**facts, "begun": str(versions.get("created", "unknown")), "with": ", ".join(named)}
    return Provenance(made, tomli_w.dumps(config))


NOT_VERSIONS = ("format", "command", "created")


def render(package: str, template: str, **values: Any) -> str:
    """A page from a template of `package` (in its folder `html`), filled with `values`."""
    style, script = (Markup(_file(name)) for name in ("kit.css", "kit.js"))
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        f"base-uri 'none'; form-action 'none'"
    )
    page = environment(package).get_template(template)
    return page.render(policy=policy, style=style, script=script, **values)


@cache
def environment(package: str) -> Environment:
    """Where a wing's templates are found, beside those of the kit."""
    found = Environment(
        loader=ChoiceLoader(
            [PackageLoader(package, FOLDER), PackageLoader("cairn.report", FOLDER)]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    found.globals["shade"] = shade
    found.filters["clipped"] = clipped
    return found


def shade(share: float) -> str:
    """The colour class of a share in [0, 1]."""
    return f"h{min(int(share * SHADES), SHADES - 1)}"


def clipped(text: str) -> str:
    """A text no longer than a page shows; what is left out is said."""
    left = len(text) - LONGEST
    if left <= 0:
        return text
    return f"{text[:LONGEST]}\n… {left:,} more characters, not shown here"


def _shown(value: Any) -> Any:
    # Markup is what the kit's own macros made: its texts went through here already.
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _file(name: str) -> str:
    return resources.files("cairn.report").joinpath(FOLDER, name).read_text("utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
