"""What there is to see of a run: a list of panels, each with its data and a way to draw it.

A panel says whether it applies to a run and returns plain data (`cairn.report.data`). Matplotlib
draws them today; whoever draws them tomorrow needs the data alone. A new panel is a line here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn.archive.replay import Replay
from cairn.envs.protocol import Environment
from cairn.report.data import Curves
from cairn.show import animation, cards, charts, curves, designs, heatmap, hero, sheets, tables
from cairn.show.held_out import play_held_out
from cairn.show.subject import Subject


@dataclass(frozen=True)
class Panel:
    """One thing to see."""

    file: str
    """What it is drawn into."""
    applies: Callable[[Subject], str | None]
    """None if it does, else why not, for a person; "" where nobody would miss it."""
    data: Callable[[Subject], Any]
    """One of the named tuples of `cairn.report.data`, or a tuple of them."""
    draw: Callable[[Any, Path], Path]
    """Writes the file."""

    @property
    def name(self) -> str:
        """The file without its ending."""
        return Path(self.file).stem


NO_LEVELS = "{} has no levels to act in: no pictures of attempts."


def always(subject: Subject) -> None:
    """Every run has it."""
    return None


def played(subject: Subject) -> str | None:
    """Whether somebody acts in levels."""
    if not isinstance(subject.task, Environment):
        return "" if mapped(subject) is None else NO_LEVELS.format(subject.experiment.task)
    if subject.actor is None:
        return f"{subject.experiment.method} has nobody who acts: no pictures of attempts."
    return None


def drawn(subject: Subject) -> str | None:
    """Whether somebody acts in levels that can be drawn."""
    reason = played(subject)
    if reason is None and subject.once(cards.held_out).rows[0].cards[0].pixels is None:
        reason = (
            f"{type(subject.task).__name__} has no `picture` method: its levels are in "
            f"levels.txt, as its space describes them."
        )
    return reason


def listed(subject: Subject) -> str | None:
    """Whether there are levels that cannot be drawn."""
    return "" if played(subject) is not None or drawn(subject) is None else None


def archived(subject: Subject) -> str | None:
    """Whether there is an archive of levels with something in it."""
    if mapped(subject) is None:
        return ""
    if not isinstance(subject.archive, Replay):
        return f"{subject.experiment.method} keeps no archive of levels: no pictures of one."
    if int(subject.archive.count) == 0:
        return "The archive is still empty: no pictures of it."
    return drawn(subject)


def descended(subject: Subject) -> str | None:
    """Whether a level of the archive descends from another."""
    reason = archived(subject)
    if reason is None and not subject.once(cards.ancestry).rows:
        reason = "No level of the archive descends from another: no ancestry."
    return reason


def designed(subject: Subject) -> str | None:
    """Whether there is a teacher whose levels can be drawn."""
    return drawn(subject) if designs.designs(subject) else ""


def mapped(subject: Subject) -> str | None:
    """Whether it keeps a map of elites."""
    return "" if heatmap.of_subject(subject) is None else None


def learned(subject: Subject) -> Curves:
    """Its learning curves."""
    one = subject.experiment
    return charts.data(subject.lines, one.method, one.task, one.run.seeds)


def _levels(subject: Subject) -> list[Any]:
    kept = isinstance(subject.archive, Replay) and int(subject.archive.count) > 0
    found = [cards.held_out, *([cards.archive] if kept else [])]
    return [subject.once(look) for look in found]


PANELS: tuple[Panel, ...] = (
    Panel("curves.png", always, learned, curves.draw),
    Panel("mazes.png", drawn, lambda subject: subject.once(cards.held_out), sheets.draw),
    Panel(
        "attempt.gif",
        drawn,
        lambda subject: animation.data(subject.once(play_held_out)),
        animation.draw,
    ),
    Panel("archive.png", archived, lambda subject: subject.once(cards.archive), sheets.draw),
    Panel("ancestry.png", descended, lambda subject: subject.once(cards.ancestry), sheets.draw),
    Panel("designed.png", designed, designs.sheet, sheets.draw),
    Panel("hero.png", drawn, hero.data, hero.draw),
    Panel(
        "map.png",
        mapped,
        lambda subject: (heatmap.of_subject(subject), subject.caption),
        lambda shown, path: heatmap.heatmap_sheet(shown[0], shown[1], path),
    ),
    Panel("levels.txt", listed, _levels, tables.draw),
)
