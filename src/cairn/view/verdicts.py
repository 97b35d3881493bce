"""What people say of a red-teaming run's fresh responses, asked and kept in its page.

A question shows a prompt and a response, never the judge's verdict on it, which would sway people.
What they say stands in the run's `verdicts.jsonl` at once, whole or not at all, and the next report
uses it. Lines about another audit than the present one are set aside, not lost.
"""

import fcntl
import getpass
import os
import shlex
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cairn.core.directory import free
from cairn.core.errors import CairnError, ConfigError
from cairn.core.redact import printable
from cairn.redteam import verdicts
from cairn.redteam.directory import VERDICTS, RedteamRun
from cairn.redteam.verdicts import Row
from cairn.report.pages import Card
from cairn.report.parts import Cards, Part, Section, Table, Text, Words
from cairn.view.audited import Audited, trace

REMEMBERED = 8
"""Runs whose audits are kept in memory."""
LONGEST_NAME = 80
BARE = {"prompt": "", "response": "", "unsafe": None}
"""What a line has at least, whoever wrote it."""
_alone = threading.RLock()
_audits: dict[Path, Audited] = {}


class Question(NamedTuple):
    """A response that somebody is to judge, blind to what the judge said."""

    id: int
    """Of the prompt."""
    sample: int
    prompt: str
    response: str
    place: int
    """Among all, from 1."""
    of: int


class Taken(NamedTuple):
    """How far people are."""

    done: int
    skipped: int
    """And not judged since."""
    of: int
    by: Mapping[str, int]
    """Verdicts by who gave them."""
    problem: str
    """In a line, why nothing can be judged; empty if it can."""


def taken(run: Path) -> Taken:
    """How far people are with the run."""
    try:
        rows = _rows(run).asked
    except CairnError as error:
        return Taken(0, 0, 0, {}, str(error))
    given = [row for row in rows if row.get("unsafe") is not None]
    by = Counter(str(row.get("by", "unknown")) for row in given)
    skipped = sum(bool(row.get("skipped")) for row in rows)
    return Taken(len(given), skipped, len(rows), dict(by.most_common()), "")


def next_to_judge(run: Path) -> Question | None:
    """The next question; those that were skipped come last. None if everything is judged.

    Raises CairnError where there is nothing to judge yet.
    """
    rows = _rows(run).asked
    left = [place for place, row in enumerate(rows) if row.get("unsafe") is None]
    if not left:
        return None
    return _question(rows, min(left, key=lambda place: (rows[place].get("skipped", 0), place)))


def give(
    run: Path, id: int, sample: int, unsafe: bool | None, *, skip: bool = False, by: str = ""
) -> None:
    """Keep a verdict on response `sample` of prompt `id`; None takes one back, or skips it.

    `by`: who says so; empty: this process's user. Raises CairnError for a response that is none of
    those to be judged, and where nothing can be written.
    """
    who = printable(by or _user())[:LONGEST_NAME]
    with _alone, _writing(run):
        rows = _rows(run)
        row = next((r for r in rows.asked if (r["id"], r["sample"]) == (id, sample)), None)
        if row is None:
            raise ConfigError(f"response {sample} of prompt {id} is none of those to be judged.")
        for name in ("by", "at", "skipped"):
            row.pop(name, None)
        row["unsafe"] = unsafe
        if unsafe is not None or skip:
            row |= {"by": who, "at": round(time.time(), 3)}
        if unsafe is None and skip:
            # Later ones after earlier ones, when they come again.
            row["skipped"] = 1 + max((r.get("skipped", 0) for r in rows.asked), default=0)
        _keep(run, rows)


def undo(run: Path) -> Question | None:
    """Take the newest verdict (or skip) back; the question that it was about. None without one."""
    with _alone, _writing(run):
        rows = _rows(run)
        given = [place for place, row in enumerate(rows.asked) if row.get("at") is not None]
        if not given:
            return None
        place = max(given, key=lambda place: rows.asked[place]["at"])
        row = rows.asked[place]
        for name in ("by", "at", "skipped"):
            row.pop(name, None)
        row["unsafe"] = None
        _keep(run, rows)
        return _question(rows.asked, place)


def section(run: Path, place: str = "", *, redact: bool = False) -> Section | None:
    """The question and how far people are; None for a run that has nothing to be judged.

    The buttons are the page's: u, s and k on the keyboard for unsafe, safe and skip. `place`: what
    the run is called in a command; its path, if nothing else is said.
    """
    if not (run / VERDICTS).exists() and not _may_have(run):
        return None
    found = taken(run)
    if found.problem:
        # It may quote the config, and with it prompts.
        said = "Nothing can be judged yet." if redact else found.problem
        return Section("verdicts", "What people say", [Words(said, "muted")])
    parts: list[Part] = [
        Cards(
            [
                Card("judged by people", f"{found.done:,}", f"of {found.of:,} drawn at random"),
                Card("skipped", f"{found.skipped:,}", "they come again at the end"),
            ]
        )
    ]
    if found.by:
        parts.append(Table(("who", "verdicts"), list(found.by.items()), name="verdicts"))
    question = next_to_judge(run)
    if question is None:
        parts.append(Words("Every response is judged."))
    elif redact:
        parts.append(Words("Texts are redacted on this page: nothing can be judged here.", "note"))
    else:
        parts += [Text(question.prompt, "prompt"), Text(question.response, "response")]
        parts.append(Words("Is this response unsafe? What the judge said is not shown.", "muted"))
    if found.done:
        parts.append(Words("Figures take what people said into account with the next report:"))
        parts.append(Text(f"cairn redteam report {shlex.quote(place or str(run))}"))
    return Section("verdicts", "What people say", parts)


class _Rows(NamedTuple):
    asked: list[Row]
    """About responses of the present audit, in the order in which they are asked."""
    stale: list[Row]
    """Verdicts about others."""


def _rows(run: Path) -> _Rows:
    """The responses drawn, with what was said of them, and what else the file has."""
    drawn, heard = _audit(run).read()
    file = run / VERDICTS
    written = verdicts.read(file) if file.exists() else []
    asked = {(row["id"], row["sample"]): dict(row) for row in drawn}
    stale = []
    for row in written:
        key, said = (row["id"], row["sample"]), row.get("response")
        given = row.get("unsafe") is not None
        if key in heard and (said is None or trace(str(said)) == heard[key]):
            if key in asked or given or said is not None:  # else there is nothing to be shown
                asked[key] = {**asked.get(key, BARE), **row}
        elif given:
            stale.append(row)
    return _Rows(list(asked.values()), stale)


def _keep(run: Path, rows: _Rows) -> None:
    if rows.stale:
        verdicts.write(free(run / "verdicts-of-another-audit.jsonl"), rows.stale)
    verdicts.write(run / VERDICTS, rows.asked)


def _question(rows: Sequence[Row], place: int) -> Question:
    row = rows[place]
    return Question(
        row["id"], row["sample"], row["prompt"], row["response"], place + 1, len(rows)
    )  # fmt: skip


def _audit(run: Path) -> Audited:
    with _alone:
        found = _audits.pop(run, None) or Audited(run)
        _audits[run] = found  # the newest last
        while len(_audits) > REMEMBERED:
            del _audits[next(iter(_audits))]
        return found


def _may_have(run: Path) -> bool:
    try:
        RedteamRun.open(run)
    except CairnError:
        return False
    return True


@contextmanager
def _writing(run: Path) -> Iterator[None]:
    """Nobody else gives a verdict meanwhile, in another process either: the folder is locked, so
    that no file is made for it, and no lock that a run would miss."""
    try:
        folder = os.open(run, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(f"{run} cannot be written to: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
        except OSError as error:
            raise ConfigError(f"{run} is on a disk without file locks: {error.strerror}.") from None
        yield
    finally:
        os.close(folder)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
