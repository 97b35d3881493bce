"""The calls that a run still holds, as a list to be searched: newest first, a page at a time.

An answer is kept until its scope is forgotten.
"""

import json
import sqlite3
import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from cairn.core.errors import ConfigError
from cairn.report.parts import Link, Notes, Part, Section, Table, Words
from cairn.report.tables import redacted
from cairn.view.journal_answer import words_of
from cairn.view.journal_call import bytes_of, role_in
from cairn.view.journal_looks import UNREADABLE, Looks, Source, opened, said

PAGE = 50
READ = 2_000
"""Bytes of an answer that a list reads."""
SEARCH_S = 0.5
"""How long a search goes on before it says how far it came."""


class Held(NamedTuple):
    """A call whose answer is held."""

    source: Source
    id: int
    key: bytes
    scope: str
    label: str
    bytes: int
    begins: str
    """How its answer begins; redacted where that is asked."""


class Calls:
    """The calls in the databases of a run."""

    def __init__(
        self, looks: Looks, sources: Sequence[Source], roles: Collection[str], *, redact: bool
    ):
        self.looks, self.sources, self.roles, self.redact = looks, sources, roles, redact

    def listed(self, search: str, before: str) -> Section:
        """A page of calls, newest first.

        `search` finds labels, scopes and keys, and unless texts are redacted answers. `before` is
        the end of the page before, as its link has it. Raises ConfigError for another one.
        """
        start, until = self._place(before), time.perf_counter() + SEARCH_S
        found: list[Held] = []
        problems: list[str] = []
        left: tuple[str, int] | None = None
        for source in self.sources:
            if start is not None and source.name != start[0]:
                continue
            low, start = (None if start is None else start[1]), None
            try:
                with opened(self.looks, source) as db:
                    held, at = self._search(db, source, search, low, PAGE - len(found), until)
            except UNREADABLE as error:
                if source.path.exists():  # else a shard that was taken over meanwhile
                    problems.append(said(source, error))
                continue
            found += held
            if at is not None:
                left = source.name, at
                break
        parts: list[Part] = [Notes(problems)] if problems else []
        if found:
            head = ("call", "role", "stage", "scope", "bytes", "answer", "kept in")
            parts.append(Table(head, [self._row(held) for held in found], name="calls"))
        else:
            parts.append(Words(_nothing(search)))
        if left is not None:
            place = urlencode({"search": search, "before": f"{left[0]}|{left[1]}"})
            why = "" if len(found) == PAGE else "The search took long and is not at its end. "
            parts.append(Words(why, link=Link("older calls", f"?{place}")))
        return Section("calls", "Calls, one by one", parts)

    def _place(self, before: str) -> tuple[str, int] | None:
        if not before:
            return None
        name, _, number = before.rpartition("|")
        if not number.isdecimal() or name not in {source.name for source in self.sources}:
            raise ConfigError("that page of calls is not there any more: begin from the newest.")
        return name, min(int(number), 2**62)

    def _search(
        self, db: sqlite3.Connection, source: Source, search: str, below: int | None, most: int,
        until: float,
    ) -> tuple[list[Held], int | None]:  # fmt: skip
        """Calls with an id under `below`, and where to go on; None at the end."""
        wanted, values = self._where(search)
        found: list[Held] = []
        window, looked = PAGE, False
        high = 2**62 if below is None else below
        while True:
            top = db.execute("SELECT MAX(id) FROM answers WHERE id < ?", (high,)).fetchone()[0]
            if top is None:
                return found, None
            began = time.perf_counter()
            if len(found) >= most or (looked and began > until):
                return found, high
            low, looked = max(top + 1 - window, 0), True
            query = (
                f"SELECT id, key, scope, label FROM answers WHERE id >= ? AND id <= ? {wanted} "
                f"ORDER BY id DESC LIMIT ?"
            )
            rows = db.execute(query, (low, top, *values, most - len(found))).fetchall()
            for number, key, scope, label in rows:
                size, begins = bytes_of(db, number), self._begins(db, number)
                found.append(Held(source, number, key, scope, label, size, begins))
            high = found[-1].id if len(found) >= most else low
            # Answers may be long: a search reads them all, and must end in time.
            window = window * 2 if time.perf_counter() - began < SEARCH_S / 10 else PAGE

    def _begins(self, db: sqlite3.Connection, number: int) -> str:
        with db.blobopen("answers", "body", number, readonly=True) as blob:
            body = blob.read(READ)
            whole = len(body) == len(blob)
        text = body.decode("utf-8", "ignore")
        if self.redact:
            return redacted(text) if whole else "[redacted]"
        return words_of(text)

    def _where(self, search: str) -> tuple[str, list[str]]:
        if not search:
            return "", []
        columns = ["label", "scope", "lower(hex(key))"]
        plain = _pattern(search)
        values = [plain, plain, _pattern(search.lower())]
        if not self.redact:
            columns.append("body")
            values.append(_pattern(json.dumps(search, ensure_ascii=False)[1:-1]))
        either = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns)
        return f"AND ({either})", values

    def _row(self, held: Held) -> list[Any]:
        stage = held.scope.partition("/")[0]
        link = Link(held.label or held.key.hex()[:16], f"?{urlencode({'key': held.key.hex()})}")
        where = held.source.name.rpartition("/")[2]
        role = role_in(held.label, self.roles)
        return [link, role, stage, held.scope, held.bytes, held.begins, where]


def _pattern(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"


def _nothing(search: str) -> str:
    if search:
        return f"No call that is held has {search[:200]!r} in its label, scope, key or answer."
    return "No call is held: answers are forgotten when what they were needed for is finished."
