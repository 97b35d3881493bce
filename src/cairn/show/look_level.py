"""One level with its ancestors, back to the level that was drawn new."""

from collections.abc import Mapping

import numpy as np

from cairn.core.console import count, plural
from cairn.core.errors import ConfigError
from cairn.report import data
from cairn.report.data import Chart
from cairn.report.parts import Figures, Link, Node, Part, Section, Tree, Words
from cairn.report.series import Curve
from cairn.report.words import Row
from cairn.show import charts, look
from cairn.show.applies import pictured
from cairn.show.facts import described
from cairn.show.look_archive import PIXELS, columns
from cairn.show.subject import Subject
from cairn.show.treasures import Treasure, shelf_of, thinned, treasures

LARGE = 420
PICTURES = 24
"""Of a line of ancestors; of a longer one these, evenly spread."""
TREE = 60
"""Ancestors in the tree where there are no pictures; of a longer line the newest."""
CHILDREN = 24


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The level `id`: picture, facts, its line of ancestors, and what was made from it.

    Without pictures the line is a tree. Raises ConfigError without an id, RunError for a level that
    never entered the archive.
    """
    if not arguments.get("id"):
        raise ConfigError("Which level? Give its id, or follow one from the archive.")
    name = look.number(arguments, "id", 0)
    line = _line(subject, name)
    one = line[-1]
    facts = [Row(what, text, "") for what, text in _facts(subject, one).items()]
    parts: list[Part] = [
        Words(subject.caption, "muted", Link("the archive", subject.href("shelf")))
    ]
    if subject.once(pictured):
        large = _card(subject, one, f"level {one.id}", LARGE)
        large = large._replace(facts={}, href="")  # said below
        parts.append(data.Sheet("", "", (data.Row("", (large,)),)))
    parts += [Figures(facts), *_ancestry(subject, line)]
    return Section("level", f"Level {name} and its ancestors", parts)


def _line(subject: Subject, name: int) -> list[Treasure]:
    """The level and its ancestors, the oldest first; scores are those that levels entered with."""
    shelf = subject.once(shelf_of)
    return treasures(shelf, shelf.descent.ancestors(name)[::-1])


def _facts(subject: Subject, one: Treasure) -> dict[str, str]:
    shelf, found = subject.once(shelf_of), subject.once(columns)
    slot = shelf.slot_of.get(one.id)
    told = {"in the archive": "no more: another took its place"}
    if slot is not None:  # first the score that the archive is sorted by
        told = {"score now": f"{found.score[slot]:.3f}"}
    told |= {
        "score on entering": f"{one.score:.3f}",
        "entered": f"cycle {shelf.cycle - one.age:,}, {count(one.age)} cycles ago",
        "generation": str(one.generation),
    }
    if slot is not None:
        told |= {
            "chance to be replayed next": f"{found.chance[slot]:.2%}",
            "staleness": f"{count(float(found.stale[slot]))}: draws since it was last played",
        }
    return told | described(subject.task, one.level)


def _ancestry(subject: Subject, line: list[Treasure]) -> list[Part]:
    children = subject.once(shelf_of).descent.children(line[-1].id)
    drawn = subject.once(pictured)
    parts: list[Part] = [Words("It was drawn new: it has no ancestors.")] if len(line) == 1 else []
    if drawn and len(line) > 1:
        parts.append(_pictures(subject, line))
    if children.size:
        made = plural(len(children), "level")
        first = f"; the first {CHILDREN} are shown" if len(children) > CHILDREN else ""
        parts.append(Words(f"Made from it by an edit: {made}{first}."))
    if children.size or not drawn:
        # In pictures the line was seen: the tree is left for where it branches.
        parts.append(_tree(subject, line[-2:] if drawn else line[-TREE:], children))
    if len(line) > 2:
        parts.append(_scores(line, subject.once(shelf_of).cycle))
    return parts


def _pictures(subject: Subject, line: list[Treasure]) -> Part:
    """The line from the level drawn new, in one row that wraps where the page ends."""
    places = thinned(list(range(len(line))), PICTURES)
    last = len(line) - 1
    here = "in the archive now" if line[-1].kept else "the last, evicted"
    said = {0: "drawn new", last: here}
    cards = [
        _card(
            subject, line[i], f"{i + 1} of {len(line)}{f': {said[i]}' if i in said else ''}", PIXELS
        )
        for i in places
    ]
    some = "" if len(places) == len(line) else f" {len(places)} of {len(line)}, evenly spread."
    words = (
        f"From the level drawn new to this one, each an edit of the one before.{some} Scores: "
        f"those that levels entered the archive with, and of those still there the score now."
    )
    return data.Sheet("How it came about", words, (data.Row("", tuple(cards)),), descent=True)


def _tree(subject: Subject, shown: list[Treasure], children: np.ndarray) -> Tree:
    nodes = []
    for parent, one in zip([None, *shown], shown, strict=False):
        nodes.append(
            Node(
                str(one.id),
                None if parent is None else str(parent.id),
                f"level {one.id}",
                f"generation {one.generation} · {one.score:.3f}",
                "" if one is shown[-1] else subject.href("level", id=one.id),
                "good" if one is shown[-1] else "plain",
            )
        )
    last = str(shown[-1].id)
    for child in children[:CHILDREN].tolist():
        href = subject.href("level", id=child)
        nodes.append(Node(str(child), last, f"level {child}", "made from it", href))
    return Tree(nodes)


def _card(subject: Subject, one: Treasure, title: str, pixels: int) -> data.Card:
    shelf = subject.once(shelf_of)
    slot = shelf.slot_of.get(one.id)
    if slot is None:
        score = f"score {one.score:.3f} on entering, evicted"
    else:
        now = subject.once(columns).score[slot]
        score = f"score {now:.3f} now, {one.score:.3f} on entering"
    return data.Card(
        title=title,
        note=f"{score} · generation {one.generation}",
        tone="plain",
        pixels=subject.task.picture(one.level, pixels=pixels),
        facts={"id": str(one.id)} | _facts(subject, one),
        href=subject.href("level", id=one.id),
    )


def _scores(line: list[Treasure], now: int) -> Chart:
    cycles = np.array([[now - one.age] for one in line], np.float64)
    curve = Curve(cycles, np.array([[one.score] for one in line], np.float64))
    made = charts.chart("Score on entering, along the line", {"score": curve}, smoothed=False)
    return made._replace(axis="cycles")
