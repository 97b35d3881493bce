"""All runs under a folder: each in a line, read again only where something changed.

A run that is half written, damaged, of another format or deleted while it is looked at has a line
that says so, and the rest goes on.
"""

import os
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.errors import CairnError, ConfigError
from cairn.core.rundir import RunDir
from cairn.view import compiled, journaled, notes
from cairn.view.choose import order, search, where
from cairn.view.kinds import format_of
from cairn.view.reading import UnreadableError, read_table
from cairn.view.state import Hold, Locks, hold, locks_now, state_of
from cairn.view.summaries import Headline, Summary, flat, traces
from cairn.view.walk import Walk

__all__ = ["Headline", "Runs", "Summary", "order", "search", "where"]

COMPILED = ("config.json", "versions.json", notes.NOTES, "metrics.jsonl")
JOURNALED = ("summary.json", "journal.sqlite", "journal.sqlite-wal")
WATCHED = {"compiled": COMPILED, "journaled": (*COMPILED, *JOURNALED)}
"""Files whose change makes a run be read again, by its kind; of a broken one all of them."""
GROWING = ("metrics.jsonl", "journal.sqlite", "journal.sqlite-wal")
SEARCHED = "cairn tune"
"""What makes directories that are no runs of one experiment, and have no page."""
LOCKS = ("lock", "journal.sqlite.lock")
SLOW_S, RESTS = 0.05, 50
"""A running run that took longer to read is left alone for so many times as long."""
Stamp = tuple[int, int, int]
"""Inode, size and time of change."""


class Known(NamedTuple):
    """A run as it was read."""

    stamps: Mapping[str, Stamp | None]
    finished: bool
    summary: Summary
    until: float
    """Before this moment it is not read again: one that writes all the time is slow to read."""

    @property
    def rests(self) -> bool:
        """Whether it is to be left alone for a moment yet."""
        return time.monotonic() < self.until


class Runs:
    """The runs under a folder, or the one run that it is. Safe to use from several threads."""

    def __init__(self, folder: Path | str, *, redact: bool = False):
        """`redact`: of the settings of a language run, which may be prompts, no text is told.

        Raises ConfigError if `folder` is none.
        """
        if not os.path.isdir(folder):
            what = "is a file" if os.path.exists(folder) else "does not exist"
            raise ConfigError(
                f"{folder} {what}; expected the folder of the runs. Give another one, or begin a "
                f"run: cairn train maze"
            )
        self.folder = Path(folder).resolve()
        self._redact = redact
        self._walk = Walk(self.folder)
        self._known: dict[str, Known] = {}
        self._lock = threading.Lock()

    @property
    def problems(self) -> tuple[str, ...]:
        """Folders that the newest scan could not look into, in a line each."""
        return tuple(self._walk.problems)

    def scan(self) -> list[Summary]:
        """Every run there is, by name."""
        with self._lock:
            locks, names = locks_now(), self._walk.runs()
            known, self._known = self._known, {}
            for name in names:
                found = self._look(name, known.get(name), locks)
                if found is not None:
                    self._known[name] = found
            return [one.summary for one in self._known.values()]

    def get(self, name: str) -> Summary:
        """One run, as it is now.

        Raises KeyError for a name that no run under the folder has; one with "..", an absolute
        one, or one that leads through a link is none.
        """
        inside = self._inside(name)
        with self._lock:
            found = self._look(inside, self._known.get(inside), locks_now())
            if found is None:
                raise KeyError(name)
            self._known[inside] = found
        return found.summary

    def _inside(self, name: str) -> str:
        """The path of a run under the folder, of which nothing is a link or hidden."""
        if self._walk.is_run(""):
            if name != self.folder.name:
                raise KeyError(name)
            return ""
        parts = name.split("/")
        if any(not part or part.startswith(".") or "\0" in part for part in parts):
            raise KeyError(name)
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            # Inside a run nothing is looked for.
            if (self.folder / path).is_symlink() or self._walk.is_run(path) != (path == name):
                raise KeyError(name)
        return name

    def _look(self, name: str, known: Known | None, locks: Locks | None) -> Known | None:
        """A run as it is now; None if it is gone."""
        path = self.folder / name if name else self.folder
        base = str(path)
        kind = "journaled" if known is None else known.summary.kind
        watched = WATCHED.get(kind, WATCHED["journaled"])
        stamps = {file: _stamp(f"{base}/{file}") for file in watched}
        files = LOCKS[:1] if kind == "compiled" else LOCKS
        holds: list[Hold] = [hold(f"{base}/{file}", locks) for file in files]
        if known is not None and (
            known.stamps.items() >= stamps.items()
            # What a person has just written is not kept waiting.
            or (known.rests and known.stamps.get(notes.NOTES) == stamps[notes.NOTES])
        ):
            return known._replace(summary=_with_state(known.summary, holds, known.finished))
        if not any(stamps.values()) and not path.is_dir():
            return None
        held = "held" in holds  # others do not change, and to ask for the time costs a call
        # That the machine is busy does not make a run slow to read.
        began = time.thread_time() if held else 0.0
        finished, summary = _read(name or self.folder.name, path, stamps)
        if self._redact and summary.kind != "compiled":
            summary = summary._replace(config=traces(summary.config))
        took_s = time.thread_time() - began if held else 0.0
        rest_s = RESTS * took_s if took_s > SLOW_S else 0.0
        stamps = {file: stamps.get(file) for file in WATCHED.get(summary.kind, stamps)}
        summary = _with_state(summary, holds, finished)
        return Known(stamps, finished, summary, time.monotonic() + rest_s)


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _with_state(summary: Summary, holds: list[Hold], finished: bool) -> Summary:
    if summary.kind == "broken":
        return summary
    state = state_of(holds, finished=finished)
    return summary if state == summary.state else summary._replace(state=state)


def _read(name: str, path: Path, stamps: Mapping[str, Stamp | None]) -> tuple[bool, Summary]:
    """Whether the run's budget is reached, and the run."""
    times = {file: stamp[2] / 1e9 for file, stamp in stamps.items() if stamp}
    noted, problems = notes.Notes(), []
    try:
        noted = notes.read(path)
    except CairnError as error:
        problems.append(str(error))
    begun = times.get("versions.json") or times.get("config.json") or max(times.values(), default=0)
    grown = [times[file] for file in GROWING if file in times]
    summary = Summary(
        name=name, path=path, kind="broken", command="", method="", task="", seeds=0,
        state="unreadable", spent={}, unit="", cost=None, progress=None, headline=None,
        created=begun, updated=max(grown, default=begun), config={}, star=noted.star,
        tags=noted.tags, note=noted.note, problem="",
    )  # fmt: skip
    try:
        config, versions = read_table(path / "config.json"), read_table(path / "versions.json")
        summary = summary._replace(config=flat(config), command=_command(path, versions))
        finished, summary = _whole(summary, config, versions)
    except UnreadableError as error:
        return False, summary._replace(problem=str(error))
    except Exception as error:  # of a file that somebody else wrote: the list must go on
        what = f"{type(error).__name__}: {error}".split("\n")[0][:200]
        return False, summary._replace(problem=f"It cannot be read ({what}).")
    problems = [text for text in (summary.problem, *problems) if text]
    return finished, summary._replace(problem=" ".join(problems))


def _command(path: Path, versions: Mapping[str, Any]) -> str:
    """What made a run. Raises UnreadableError for a format that this release does not read."""
    made = versions.get("command")
    command = made if isinstance(made, str) else RunDir.COMMAND
    if command == SEARCHED:
        raise UnreadableError(
            "It is a search for settings by cairn tune, which has no page here: look at its "
            "tuning.png and result.json."
        )
    expected = RunDir.FORMAT if command == RunDir.COMMAND else format_of(command)
    found = versions.get("format")
    if found != expected:
        age = "an older" if isinstance(found, int) and found < expected else "a newer"
        raise UnreadableError(
            f"It was written by {age} cairn ({versions.get('cairn')}): its format is {found}, this "
            f"release reads {expected}. Install the release that wrote it."
        )
    return command


def _whole(
    summary: Summary, config: Mapping[str, Any], versions: Mapping[str, Any]
) -> tuple[bool, Summary]:
    if summary.command == RunDir.COMMAND:
        names = config["experiment"]
        seeds = config["run"]["seeds"]
        if not isinstance(seeds, int) or isinstance(seeds, bool):
            raise UnreadableError(f"config.json: run.seeds must be a count, got {seeds!r:.80}.")
        found = compiled.standing(summary.path, config)
        summary = summary._replace(
            kind="compiled", method=str(names["method"]), task=str(names["task"]), seeds=seeds
        )
    else:
        named, found = journaled.standing(summary.path, summary.command, config)
        summary = summary._replace(
            kind="journaled", method=named.method, task=named.task, seeds=1,
            created=_time(versions.get("created"), summary.created),
        )  # fmt: skip
    return found.finished, summary._replace(
        spent=found.spent, unit=found.unit, cost=found.cost, progress=found.progress,
        headline=found.headline, problem=found.problem,
    )  # fmt: skip


def _time(text: Any, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return otherwise
