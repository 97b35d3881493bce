"""Who descends from whom, as a picture: the oldest at the left, each task a link."""

from typing import NamedTuple

from markupsafe import Markup

from cairn.core.console import plural
from cairn.report.parts import Node, Tree
from cairn.report.svg_marks import clipped, number, picture, tag, title, words

WIDE, HIGH, ACROSS, BETWEEN = 168.0, 42.0, 34.0, 12.0
"""Size of a task's box, and the room between boxes in both directions."""
MOST = 1_000
"""Tasks that are drawn; the rest is counted."""
EDGE = 6.0


class _Place(NamedTuple):
    generation: int
    row: float


def tree(shown: Tree) -> Markup:
    """A tree in a box that scrolls by itself; nodes without a known parent begin one.

    Of more than `MOST` nodes the first are drawn and the others counted. Any parents are taken:
    a circle of them is cut open where it was entered.
    """
    nodes = list(shown.nodes[:MOST])
    parents = _parents(nodes)
    places = _places(parents)
    left = len(shown.nodes) - len(nodes)
    top = EDGE + (20 if left else 0)
    columns = 1 + max((place.generation for place in places), default=0)
    rows = 1 + max((place.row for place in places), default=0)
    edges = [
        _edge(places[parent], places[child], top)
        for child, parent in enumerate(parents)
        if parent is not None
    ]
    boxes = [
        _box(node, nodes[parent] if parent is not None else None, place, top)
        for node, parent, place in zip(nodes, parents, places, strict=True)
    ]
    more = [words(f"{left:,} more are not drawn", EDGE, 14, class_="muted")] if left else []
    told = f"{plural(len(shown.nodes), 'task')} in {plural(columns, 'generation')}, oldest first"
    svg = picture(
        told,
        "; ".join(_said(*pair) for pair in _pairs(nodes, parents)[:50]),
        columns * (WIDE + ACROSS) - ACROSS + 2 * EDGE,
        top + rows * (HIGH + BETWEEN) - BETWEEN + EDGE,
        tag("path", {"class": "muted", "d": "".join(edges), "fill": "none", **_STROKE}),
        *boxes,
        *more,
        role="group",
        kind="tree",
    )
    return tag(
        "div", {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": told}, svg
    )


_STROKE = {"stroke": "currentColor", "stroke-width": "1.4"}


def _parents(nodes: list[Node]) -> list[int | None]:
    """The number of each node's parent; None for one whose parent is not here."""
    numbers: dict[str, int] = {}
    for index, node in enumerate(nodes):
        numbers.setdefault(node.id, index)
    parents = [None if node.parent is None else numbers.get(node.parent) for node in nodes]
    known: set[int] = set()
    for index in range(len(nodes)):
        path, at = {index}, index
        while at not in known and (above := parents[at]) is not None:
            if above in path:
                parents[at] = None
                break
            path.add(above)
            at = above
        known |= path
    return parents


def _places(parents: list[int | None]) -> list[_Place]:
    """Children to the right of their parent, which stands in their middle; no two overlap."""
    children: list[list[int]] = [[] for _ in parents]
    for child, parent in enumerate(parents):
        if parent is not None:
            children[parent].append(child)
    generation, order = [0] * len(parents), []
    ahead = [index for index, parent in enumerate(parents) if parent is None][::-1]
    while ahead:
        index = ahead.pop()
        order.append(index)
        parent = parents[index]
        generation[index] = 0 if parent is None else generation[parent] + 1
        ahead += children[index][::-1]
    rows, leaves = [0.0] * len(parents), 0
    for index in order:
        if not children[index]:
            rows[index], leaves = float(leaves), leaves + 1
    for index in reversed(order):
        if children[index]:
            rows[index] = (rows[children[index][0]] + rows[children[index][-1]]) / 2
    return [_Place(*pair) for pair in zip(generation, rows, strict=True)]


def _corner(place: _Place, top: float) -> tuple[float, float]:
    return EDGE + place.generation * (WIDE + ACROSS), top + place.row * (HIGH + BETWEEN)


def _edge(parent: _Place, child: _Place, top: float) -> str:
    (x0, y0), (x1, y1) = _corner(parent, top), _corner(child, top)
    x0, y0, y1 = x0 + WIDE, y0 + HIGH / 2, y1 + HIGH / 2
    middle = (x0 + x1) / 2
    return "M{} {}C{} {} {} {} {} {}".format(*map(number, (x0, y0, middle, y0, middle, y1, x1, y1)))


def _box(node: Node, parent: Node | None, place: _Place, top: float) -> Markup:
    x, y = _corner(place, top)
    tone = "muted" if node.tone == "plain" else node.tone
    size = {"x": x, "y": y, "width": WIDE, "height": HIGH, "rx": 5.0}
    parts = [
        title(_said(node, parent)),
        tag("rect", {"class": "paper", "fill": "currentColor", **size}),
        words(clipped(node.title, WIDE - 14, 12), x + 8, y + 17, size="12", weight="600"),
        words(clipped(node.note, WIDE - 14), x + 8, y + 33, class_=tone),
        tag("rect", {"class": tone, "fill": "none", **size, **_STROKE}),
    ]
    return tag("a", {"href": node.href}, *parts) if node.href else tag("g", {}, *parts)


def _said(node: Node, parent: Node | None) -> str:
    told = ", ".join(filter(None, [node.title, node.note]))
    return f"{told}, from {parent.title}" if parent else told


def _pairs(nodes: list[Node], parents: list[int | None]) -> list[tuple[Node, Node | None]]:
    return [
        (node, None if parent is None else nodes[parent])
        for node, parent in zip(nodes, parents, strict=True)
    ]
