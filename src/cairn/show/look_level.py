"""One level with its ancestors, back to the level that was drawn new."""

from collections.abc import Mapping

import numpy as np

from cairn.core.console import count
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
PICTURES, ACROSS = 24, 6
"""Of a line of ancestors; of a longer one these, evenly spread."""
TREE = 60
"""Ancestors in the tree; of a longer line the newest."""
CHILDREN = 24


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The level `id`: picture, facts, its line of ancestors as a tree, in pictures and as a table.

    Raises ConfigError without an id, RunError for a level that never entered the archive.
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
        large = _card(subject, one, LARGE)._replace(facts={}, href="")  # said below
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
    told = {
        "score on entering": f"{one.score:.4f}",
        "entered": f"cycle {shelf.cycle - one.age:,}, {count(one.age)} cycles ago",
        "generation": str(one.generation),
    }
    if slot is None:
        told["in the archive"] = "no more: another took its place"
    else:
        told |= {
            "score now": f"{found.score[slot]:.4f}",
            "chance to be replayed next": f"{found.chance[slot]:.2%}",
            "not played for": f"{count(float(found.stale[slot]))} draws and offers",
        }
    return told | described(subject.task, one.level)


def _ancestry(subject: Subject, line: list[Treasure]) -> list[Part]:
    children = subject.once(shelf_of).descent.children(line[-1].id)
    parts: list[Part] = [_tree(subject, line, children)]
    if len(children) > CHILDREN:
        parts.append(Words(f"{len(children):,} levels were made from it; the first are shown."))
    if len(line) == 1:
        return [Words("It was drawn new: it has no ancestors."), *parts]
    if subject.once(pictured):
        shown = thinned(line, PICTURES)
        cards = [_card(subject, one, PIXELS) for one in shown]
        rows = [data.Row("", tuple(cards[i : i + ACROSS])) for i in range(0, len(cards), ACROSS)]
        some = "" if len(shown) == len(line) else f" {len(shown)} of {len(line)}, evenly spread."
        words = f"From the level drawn new to this one, each an edit of the one before.{some}"
        parts.append(data.Sheet("The line in pictures", words, tuple(rows), descent=True))
    if len(line) > 2:
        parts.append(_scores(line, subject.once(shelf_of).cycle))
    return parts


def _tree(subject: Subject, line: list[Treasure], children: np.ndarray) -> Tree:
    shown = line[-TREE:]
    nodes = []
    for parent, one in zip([None, *shown], shown, strict=False):
        nodes.append(
            Node(
                str(one.id),
                None if parent is None else str(parent.id),
                f"level {one.id}",
                f"gen. {one.generation} · score {one.score:.2f}",
                "" if one is line[-1] else subject.href("level", id=one.id),
                "good" if one is line[-1] else "plain",
            )
        )
    last = str(line[-1].id)
    for child in children[:CHILDREN].tolist():
        href = subject.href("level", id=child)
        nodes.append(Node(str(child), last, f"level {child}", "made from it", href))
    return Tree(nodes)


def _card(subject: Subject, one: Treasure, pixels: int) -> data.Card:
    return data.Card(
        title=f"level {one.id}",
        note=f"score {one.score:.2f} · gen. {one.generation}{'' if one.kept else ' · evicted'}",
        tone="plain",
        pixels=subject.task.picture(one.level, pixels=pixels),
        facts=_facts(subject, one),
        href=subject.href("level", id=one.id),
    )


def _scores(line: list[Treasure], now: int) -> Chart:
    cycles = np.array([[now - one.age] for one in line], np.float64)
    curve = Curve(cycles, np.array([[one.score] for one in line], np.float64))
    made = charts.chart("Score on entering, along the line", {"score": curve}, smoothed=False)
    return made._replace(axis="cycles")
