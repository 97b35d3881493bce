"""What a report is made of, beyond its texts: figures to take away, maps, where it comes from."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import tomli_w

from cairn.archive.text_axes import Space


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
