"""An archive of levels, page by page, in an order of the reader's choice."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from cairn.archive.replay import Replay
from cairn.core.console import count
from cairn.envs.protocol import Level
from cairn.report import data, pages
from cairn.report.parts import Cards, Choice, Choices, Link, Part, Section, Table, Words
from cairn.show import look
from cairn.show.applies import pictured
from cairn.show.facts import described
from cairn.show.subject import Subject
from cairn.show.treasures import Shelf, shelf_of

PAGE, ACROSS = 24, 6
PIXELS = 220


class Columns(NamedTuple):
    """What an archive knows of its K occupied slots, as NumPy arrays; levels in the same rows."""

    id: Int[np.ndarray, " K"]
    score: Float[np.ndarray, " K"]
    chance: Float[np.ndarray, " K"]
    """To be the next level replayed."""
    stale: Int[np.ndarray, " K"]
    """Draws and offers since it was last drawn or offered."""
    generation: Int[np.ndarray, " K"]
    levels: Level


Order = Callable[[Columns], Float[np.ndarray, " K"]]
"""What levels are sorted by, the smallest first."""
ORDERS: Mapping[str, Order] = {
    "highest score": lambda found: -found.score,
    "lowest score": lambda found: found.score,
    "likeliest to be replayed": lambda found: -found.chance,
    "longest not played": lambda found: -found.stale.astype(np.float64),
    # Ids only grow, so the oldest level has the lowest.
    "oldest": lambda found: found.id.astype(np.float64),
    "newest": lambda found: -found.id.astype(np.float64),
    "most edits": lambda found: -found.generation.astype(np.float64),
}


def columns(subject: Subject) -> Columns:
    """Its archive, which must be a `Replay`."""
    archive, shelf = subject.archive, subject.once(shelf_of)
    assert isinstance(archive, Replay)
    held = slice(int(archive.count))
    stale = int(archive.clock) - np.asarray(archive.stamps)[held]
    return Columns(
        id=np.asarray(archive.ids)[held].astype(np.int64),
        score=np.asarray(archive.scores)[held].astype(np.float64),
        chance=shelf.chance[held].astype(np.float64),
        stale=stale.astype(np.int64),
        generation=np.asarray(archive.generation)[held].astype(np.int64),
        levels=jax.tree.map(np.asarray, archive.levels),
    )


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """One page of its levels, each with a picture where there is one, its facts and a link to its
    ancestors. Arguments: `sort`, `page` (from 1; a page beyond the end is the last)."""
    found, shelf = subject.once(columns), subject.once(shelf_of)
    order = look.chosen(arguments, "sort", ORDERS)
    number = len(found.id)
    last = -(-number // PAGE)
    page = min(max(1, look.number(arguments, "page", 1)), last)
    slots = np.argsort(ORDERS[order](found), kind="stable")[(page - 1) * PAGE : page * PAGE]
    links = [
        Link(word, subject.href("shelf", sort=order, page=to)) for word, to in _turns(page, last)
    ]
    settings = (
        Choice("sort", "sorted by", order, [(name, name) for name in ORDERS]),
        Choice("page", f"page, of {last:,}", str(page), most=last),
    )
    where = f"Levels {(page - 1) * PAGE + 1:,} to {(page - 1) * PAGE + len(slots):,} of {number:,}"
    return Section(
        "shelf",
        "Every level of the archive",
        (
            Choices("shelf", settings, links),
            Cards(_figures(found, subject)),
            _levels(subject, found, shelf, slots, f"{where}, {order} first."),
            Words(
                "Age: cycles since a level entered. Staleness: draws since it was last played. "
                "Chance: to be the next level replayed.",
                "muted",
            ),
        ),
    )


def level_at(levels: Level, slot: int) -> Level:
    """One of many levels."""
    return jax.tree.map(lambda leaf: leaf[slot], levels)


def _turns(page: int, last: int) -> list[tuple[str, int]]:
    back = [("first", 1), ("previous", page - 1)] if page > 1 else []
    return back + ([("next", page + 1), ("last", last)] if page < last else [])


def _figures(found: Columns, subject: Subject) -> list[pages.Card]:
    held, slots = len(found.id), subject.archive.scores.shape[0]
    return [
        pages.Card("levels", f"{held:,}", f"of {slots:,} places"),
        _spread("score", found.score, ".3f"),
        _spread("generation", found.generation, ".0f"),
        pages.Card("edited", f"{(found.generation > 0).mean():.0%}", "of all levels"),
    ]


def _spread(name: str, values: np.ndarray, form: str) -> pages.Card:
    middle, most = float(np.median(values)), float(values.max())
    return pages.Card(name, f"{middle:{form}}", f"median; at most {most:{form}}")


def _levels(
    subject: Subject, found: Columns, shelf: Shelf, slots: Int[np.ndarray, " N"], caption: str
) -> Part:
    facts = _facts(subject, found, shelf, slots)
    hrefs = [subject.href("level", id=found.id[slot]) for slot in slots]
    if not subject.once(pictured):
        rows = [
            (Link(one["id"], href), *list(one.values())[1:])
            for one, href in zip(facts, hrefs, strict=True)
        ]
        return Table(list(facts[0]), rows, caption, name="levels")
    cards = [
        data.Card(
            title=f"score {one['score']}",
            note=f"generation {one['generation']} · age {one['age']}",
            tone="plain",
            pixels=subject.task.picture(level_at(found.levels, int(slot)), pixels=PIXELS),
            facts=one,
            href=href,
        )
        for one, slot, href in zip(facts, slots, hrefs, strict=True)
    ]
    rows = [data.Row("", tuple(cards[i : i + ACROSS])) for i in range(0, len(cards), ACROSS)]
    return data.Sheet("", caption, tuple(rows))


def _facts(
    subject: Subject, found: Columns, shelf: Shelf, slots: Int[np.ndarray, " N"]
) -> list[dict[str, str]]:
    """What there is to say of each. The age is a matter of the lineage file."""
    places = shelf.descent.rows(found.id[slots].astype(np.uint32))
    entered = {int(place): None for place in places if place >= 0}
    records = shelf.descent.lineage.at(np.array(list(entered), np.int64))
    cycles = dict(zip(entered, records["cycle"].tolist(), strict=True))
    return [
        {
            "id": str(found.id[slot]),
            "score": f"{found.score[slot]:.3f}",
            "generation": str(found.generation[slot]),
            "age": count(shelf.cycle - cycles[place]) if place in cycles else "unknown",
            "staleness": count(float(found.stale[slot])),
            "chance": f"{found.chance[slot]:.2%}",
            **described(subject.task, level_at(found.levels, int(slot))),
        }
        for slot, place in zip(slots.tolist(), places.tolist(), strict=True)
    ]
