"""Tie a journal to a changed config: what was made of the answers goes, the answers stay."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from cairn.core import journal_files as files
from cairn.core import locks
from cairn.core.faults import point
from cairn.core.journal import canonical

MADE = ("events", "stages", "arrived", "snapshots")
"""Tables that a run makes anew from answers; the others hold the answers and the books."""


class Changes(NamedTuple):
    """How a journal and a config differ."""

    fields: tuple[str, ...]
    """Dotted names of what differs."""
    answered: frozenset[str]
    """Roles that the journal has an answer of."""


def changes(path: Path, config: Mapping, *, redact: Callable[[str], str] = str) -> Changes:
    """How the config that the journal at `path` is tied to differs from `config`.

    A damaged journal counts as unchanged: it has to be opened and repaired first. Raises RunError
    for one that lost all of its events (`journal_files.check_cut`).
    """
    none = Changes((), frozenset())
    with locks.lock(path.with_name(path.name + ".lock")):
        files.finish_repair(path)
        files.check_cut(path)  # which an empty database, once opened, would no longer show
        if not path.exists():
            return none
        db = files.connect(path, "process")
        try:
            if not files.has_tables(db, path):
                return none
            fields = tuple(files.differing(db, json.loads(redact(canonical(config)))))
            if not fields:
                return none  # without a look at the books, which can be long
            roles = db.execute("SELECT DISTINCT role FROM spent WHERE outcome = 'answered'")
            return Changes(fields, frozenset(role for (role,) in roles))
        except sqlite3.DatabaseError:
            return none
        finally:
            db.close()


def retie(path: Path, config: Mapping, *, redact: Callable[[str], str] = str) -> None:
    """Tie the journal at `path` to `config`, and drop the events: the next run makes them anew.

    What that run asks as before is answered from the journal; what was spent stays in the books.
    """
    with locks.lock(path.with_name(path.name + ".lock")):
        db = files.connect(path, "process")
        try:
            # The mark first: without it nothing is checked, with it events would seem lost.
            path.with_name(f"{path.name}.head").unlink(missing_ok=True)
            db.execute("BEGIN IMMEDIATE")
            for table in MADE:
                db.execute(f"DELETE FROM {table}")
            value = redact(canonical(config))
            db.execute("UPDATE meta SET value = ? WHERE name = 'config'", (value,))
            point("journal:retie")
            db.execute("COMMIT")
        finally:
            db.close()
