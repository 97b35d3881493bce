"""What there is to see of a run: a list of panels, each with its data and ways to show it.

A panel says whether it applies to a run and returns plain data (`cairn.report.data`). `cairn show`
has Matplotlib draw them; a page makes sections of them (`cairn.show.look`). A new panel is a line
here. This file imports neither JAX nor Matplotlib, so that a page can offer panels before it opens
a run: functions stand here by their addresses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn.core.resolve import function_at


@dataclass(frozen=True)
class Panel:
    """One thing to see. Subject: a seed of a run (`cairn.show.subject`)."""

    file: str
    """What it is drawn into; of a panel that is only part of a page, its name."""
    applies: Callable[[Any], str | None]
    """Of the subject: None if it does, else why not, in words; "" where nobody would miss it."""
    data: Callable[[Any], Any] | None
    """Of the subject: one of the named tuples of `cairn.report.data`, or a tuple of them."""
    draw: Callable[[Any, Path], Path] | None
    """Writes the data into the file. Neither: it is only part of a page."""
    title: str = ""
    """Its heading in a page. "": it is only drawn into its file."""
    may: Callable[[frozenset[str]], bool] = lambda sections: True
    """Whether a run with such sections in its config is worth asking: said before it is opened."""
    never: frozenset[str] = frozenset()
    """Methods of ours whose runs surely have none."""
    section: Callable[[Any, Mapping[str, str]], Any] | None = None
    """Its section of a page, of the subject and the arguments in the address. None: made of its
    data, by its type."""
    asked: bool = False
    """Whether a page shows it only when asked, by a link: a level, a cell."""
    roles: bool = False
    """Whether it is another one for each role that acts."""

    def into(self, subject: Any, folder: Path) -> Path | None:
        """Draw it; None if it is only part of a page."""
        if self.data is None or self.draw is None:
            return None
        return self.draw(self.data(subject), folder / self.file)

    @property
    def name(self) -> str:
        """The file without its ending."""
        return Path(self.file).stem


NOBODY = frozenset((
    "experiment", "task", "run", "algorithm", "model", "extended", "dataset", "weights",
    "init_from",
))  # fmt: skip
"""Sections of a config that are nobody's who acts."""


TAUGHT = frozenset(("paired", "flexible-paired", "population-paired", "minimax"))
"""Methods of ours whose levels all come from a teacher that keeps none."""
NO_ARCHIVE = TAUGHT | {"random", "dr", "sfl", "backplay", "bc", "pretrain"}
"""Methods of ours that keep no archive of levels."""
PLAYED = frozenset(("naive", "look-ahead", "lola", "sos", "good-shepherd", "m-fos", "shaper"))
"""Games, in which nobody fills a map."""
MAPS = frozenset(("map-elites", "cma-me", "cma-mae", "pretrain"))
"""Methods of ours in which nobody plays a repeated game, and nobody acts."""
NO_PLACES = frozenset((
    "sft", "rft", "raft", "expert-iteration", "star", "reinforce", "rloo", "grpo", "dr-grpo",
    "dapo", "ppo", "conditioned", "crlft", "dpo", "ipo", "orpo", "copg", "orm", "sorm", "refine",
))  # fmt: skip
"""Methods of ours for language models that always start at a problem."""
NO_EDITS = NO_ARCHIVE | {"repaired", "plr", "robust-plr", "parallel-plr", "samplr", "remidi"}
"""Methods of ours whose levels do not descend from each other."""


def acted(sections: frozenset[str]) -> bool:
    """Somebody acts: the config has a section for them."""
    return bool(sections - NOBODY)


def kept(sections: frozenset[str]) -> bool:
    """Perhaps an archive of levels, or of places that a language model starts its answers from."""
    return acted(sections) or "model" in sections


def searched(sections: frozenset[str]) -> bool:
    """No student and no language model: perhaps a map of elites."""
    return not sections & {"student", "model"}


def spoken(sections: frozenset[str]) -> bool:
    """No student: perhaps a language model."""
    return "student" not in sections and ("model" in sections or acted(sections))


def taught(sections: frozenset[str]) -> bool:
    """Somebody acts besides the student."""
    return bool(sections - NOBODY - {"student"})


def at(address: str) -> Callable[..., Any]:
    """A function of this room, imported when it is called."""
    return lambda *arguments: function_at(f"cairn.show.{address}")(*arguments)


def once(address: str) -> Callable[[Any], Any]:
    """The same, called once for each subject: panels share what is costly."""
    return lambda subject: subject.once(function_at(f"cairn.show.{address}"))


PANELS: tuple[Panel, ...] = (
    Panel("curves.png", at("applies:always"), at("curves:data"), at("curves:draw")),
    Panel(
        "mazes.png", at("applies:drawn"), once("cards:held_out"), at("sheets:draw"),
        "Levels it has never seen", acted, roles=True,
    ),
    Panel(
        "attempt.gif", at("applies:drawn"), at("animation:of_subject"), at("animation:draw"),
        "An attempt, step by step", acted, section=at("look_attempt:section"), roles=True,
    ),
    Panel(
        "archive.png", at("applies:archived"), once("cards:archive"), at("sheets:draw"),
        "What the archive holds", acted, NO_ARCHIVE, roles=True,
    ),
    Panel(
        "shelf", at("applies:kept"), None, None,
        "Every level of the archive", kept, NO_ARCHIVE | NO_PLACES, at("look_archive:section"),
        roles=True,
    ),
    Panel(
        "level", at("applies:kept"), None, None,
        "A level and its ancestors", kept, section=at("look_level:section"), asked=True,
    ),
    Panel(
        "ancestry.png", at("applies:descended"), once("cards:ancestry"), at("sheets:draw"),
        "How its best levels evolved", acted, NO_EDITS,
    ),
    Panel(
        "progress.png", at("progress:applies"), at("progress:data"), at("progress_sheet:draw"),
        "Students and levels of all times", acted, NO_ARCHIVE, at("progress:section"),
    ),
    Panel(
        "designed.png", at("applies:designed"), at("designs:sheet"), at("sheets:draw"),
        "What its teacher designs", taught,
    ),
    Panel("hero.png", at("applies:drawn"), at("hero:data"), at("hero:draw")),
    Panel(
        "payoffs.png", at("payoffs:applies"), at("payoffs:data"), at("payoffs_sheet:draw"),
        "Payoffs of its players", searched, MAPS, section=at("payoffs:section"),
    ),
    Panel(
        "map.png", at("applies:mapped"), at("heatmap:data"), at("heatmap_sheet:draw_sheet"),
        "The map of elites", searched, never=PLAYED, section=at("look_map:section"),
    ),
    Panel(
        "elite", at("applies:mapped"), None, None,
        "An elite", searched, section=at("look_map:elite"), asked=True,
    ),
    Panel(
        "audit.png", at("audit:applies"), at("audit:data"), at("audit_sheet:draw"),
        "How good its scores are", acted, frozenset(("bc",)), at("audit:section"),
    ),
    Panel(
        "regret.png", at("regret:applies"), at("regret:data"), at("regret_sheet:draw"),
        "A lower bound of its regret", acted, frozenset(("bc", "random")), at("regret:section"),
    ),
    Panel(
        "behaviour.png", at("behaviour:applies"), at("behaviour:data"), at("behaviour_sheet:draw"),
        "How its model answers", spoken, frozenset(("pretrain",)), at("behaviour:section"),
    ),
    Panel(
        "levels.txt", at("applies:listed"), at("tables:levels"), at("tables:draw"),
        "Levels as they are described", acted,
    ),
)  # fmt: skip
"""`shelf` and `level` are of any archive of levels, `map` and `elite` of any map of elites."""
