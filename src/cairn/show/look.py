"""Panels of a compiled run as sections of a page, for whoever renders them.

The list is that of `cairn show` (`cairn.show.panels`). A panel whose data are plain becomes a
section by their type; one that a reader can turn over (an archive page by page, an attempt step by
step) makes its own. Opening a run takes a second or more: `Opened` is kept and asked again.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, RunError, suggest
from cairn.report.data import Clip, Curves, Sheet
from cairn.report.parts import Animation, Choice, Choices, Part, Section, Table, Words
from cairn.runs.open import Run, check_plays, open_run
from cairn.show import subject as subjects
from cairn.show.panels import PANELS, Panel
from cairn.show.subject import Subject

KEPT = 4
"""Subjects of a run that are kept: each holds the pictures and attempts that were asked of it."""
TAIL = 1 << 16
"""Bytes at the end of metrics.jsonl that are read for its last line, doubled until it is there."""


class Opened:
    """A run at its newest checkpoint, opened once and looked at again and again."""

    def __init__(self, path: Path):
        """Raises RunError or CheckpointError saying why it cannot be opened."""
        self.run: Run = open_run(path)
        # One line: captions need what the ledger counts. The page draws curves without us.
        self.lines = [last_line(path / "metrics.jsonl")]
        self._subjects: dict[tuple[int, str | None], Subject] = {}

    def subject(self, arguments: Mapping[str, str]) -> Subject:
        """The seed and role that are asked for; by default the first, and the usual one.

        Raises ConfigError if there is no such seed or role, or the role plays another game.
        """
        seed = number(arguments, "seed", self.run.seeds[0])
        key = self.run.of_seed(seed), arguments.get("role") or None
        found = self._subjects.pop(key, None)
        if found is None:
            found = subjects.of_run(self.run, self.lines, *key)
        self._subjects[key] = found  # the newest last
        while len(self._subjects) > KEPT:
            del self._subjects[next(iter(self._subjects))]
        return found


def look(opened: Opened, name: str, arguments: Mapping[str, str]) -> Section | None:
    """A panel of the run as a section; None if there is nothing to say.

    `arguments` are those in the address of the page: `seed`, `role`, and the panel's own. A panel
    that does not apply says why. Raises ConfigError for a panel, or an argument, that is none.
    """
    panel = find(name)
    subject = opened.subject(arguments)
    reason = panel.applies(subject)
    if reason is not None:
        words = Words(reason, "muted")
        return Section(panel.name, panel.title, (words,)) if reason else None
    if panel.section is not None:
        made = panel.section(subject, arguments)
    else:
        assert panel.data is not None, "A panel has data or a section of its own."
        made = Section(panel.name, panel.title, parts(panel.data(subject), panel.title))
    return _with_settings(made, panel, opened.run, subject)


def find(name: str) -> Panel:
    """A panel of a page. Raises ConfigError for a name that is none."""
    shown = {panel.name: panel for panel in PANELS if panel.title}
    if name not in shown:
        raise ConfigError(
            f"No panel {name!r}: expected one of {', '.join(shown)}.{suggest(name, shown)}"
        )
    return shown[name]


def parts(data: Any, heading: str = "") -> tuple[Part, ...]:
    """Plain data as parts of a page, under a heading that none of them says once more.

    Levels that cannot be drawn become rows of a table.
    """
    if isinstance(data, Curves):
        return (data,)
    if isinstance(data, Sheet):
        sheet = data._replace(title="") if data.title == heading else data
        return (sheet,) if _drawn(sheet) else _tables(sheet)
    if isinstance(data, list | tuple) and all(isinstance(one, Clip) for one in data):
        return (Animation(data),)
    if isinstance(data, list | tuple):
        return tuple(part for one in data for part in parts(one, heading))
    raise TypeError(f"A page cannot show {type(data).__name__}: give the panel a section.")


def number(arguments: Mapping[str, str], name: str, usual: int) -> int:
    """A whole number of the address, from 0 on. Raises ConfigError."""
    text = arguments.get(name) or str(usual)
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ConfigError(f"{name} must be a whole number from 0 on, got {text!r}.")
    return int(text)


def chosen(arguments: Mapping[str, str], name: str, among: Mapping[str, Any]) -> str:
    """One of several values, the first by default. Raises ConfigError."""
    value = arguments.get(name) or next(iter(among))
    if value not in among:
        raise ConfigError(f"{name} must be one of {', '.join(among)}; got {value!r}.")
    return value


def last_line(path: Path) -> dict[str, Any]:
    """The newest complete line of a run's metrics. Raises RunError if there is none yet."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            span = TAIL
            while True:
                file.seek(max(0, size - span))
                lines = file.read(span).split(b"\n")
                # Without what follows the last newline, and the piece the reading began in.
                whole = lines[:-1] if span >= size else lines[1:-1]
                if whole or span >= size:
                    break
                span *= 2
        if whole:
            return json.loads(whole[-1])
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.") from error
    raise RunError(
        f"{path.parent} has no metrics yet: expected a line or more. Let the run go on until it "
        f"has shown its first figures."
    )


def _with_settings(made: Section, panel: Panel, run: Run, subject: Subject) -> Section:
    """The section under the settings that every panel has, together with its own."""
    settings = []
    if len(run.seeds) > 1 and not panel.asked:  # a level, a cell is of its seed
        now = str(run.seeds[subject.seed_index])
        settings.append(Choice("seed", "seed", now, [(str(s), f"seed {s}") for s in run.seeds]))
    if panel.roles and len(names := subject.once(players)) > 1:
        now = subject.role or next(n for n, a in subject.actors.items() if a is subject.actor)
        settings.append(Choice("role", "who", now, [(name, name) for name in names]))
    first, rest = Choices(panel.name, ()), made.parts
    if made.parts and isinstance(made.parts[0], Choices):
        first, rest = made.parts[0], made.parts[1:]
    if not (settings or first.settings or first.links):
        return made
    head = first._replace(settings=(*settings, *first.settings))
    return made._replace(parts=(head, *rest))


def players(subject: Subject) -> list[str]:
    """The roles that play the task itself: a teacher plays an editor."""
    names = []
    for role, actor in subject.actors.items():
        try:
            check_plays(actor, subject.task, role, "")
        except ConfigError:
            continue
        names.append(role)
    return names


def _drawn(sheet: Sheet) -> bool:
    return all(card.pixels is not None for row in sheet.rows for card in row.cards)


def _tables(sheet: Sheet) -> tuple[Part, ...]:
    found: list[Part] = [Words(sheet.caption, "muted")]
    by_label: dict[str, list[dict[str, str]]] = {}
    for row in sheet.rows:
        by_label.setdefault(row.label, []).extend(card.facts for card in row.cards)
    for label, facts in by_label.items():
        if facts:
            rows = [list(one.values()) for one in facts]
            found.append(Table(list(facts[0]), rows, label or sheet.title, name="levels"))
    return tuple(found)
