"""Which responses of a red-teaming run people are to judge: those that `cairn redteam label` takes.

That command folds the search anew to know which archive was tested. Here the run's summary says it
by the archive's digest; before there is one, the only test that can be meant is the newest, begun
after the search had ended. Both need no more than the journal's events of that stage.
"""

import json
import sqlite3
from pathlib import Path

from cairn.core.errors import RunError
from cairn.core.journal import canonical
from cairn.core.journal_files import check_config
from cairn.core.journal_read import state
from cairn.evaluation.audit import Tested, as_tested
from cairn.evaluation.correct import to_label
from cairn.redteam import directory
from cairn.redteam.config import RedteamConfig
from cairn.redteam.verdicts import COUNT, Row
from cairn.runs.directory import JOURNAL
from cairn.view.journal_looks import UNREADABLE, Looks, check
from cairn.view.journal_standing import NEWEST, stages


class Audited:
    """The audit of the run at `path`, read again only when something was written."""

    def __init__(self, path: Path):
        self.path = path
        self._looks = Looks()
        self._read: tuple[object, list[Row], list[Tested]] | None = None

    def read(self) -> tuple[list[Row], list[Tested]]:
        """The responses to judge, and the whole audit.

        Raises RunError for a run whose audit cannot be read or has not ended: its responses are
        drawn from all of them.
        """
        names = (directory.CONFIG, directory.SUMMARY)
        now = (state(self.path / JOURNAL), *(state(self.path / name) for name in names))
        if self._read is None or self._read[0] != now:
            self._read = (now, *self._look())
        return self._read[1:]

    def _look(self) -> tuple[list[Row], list[Tested]]:
        config = directory.open_run(self.path)
        journal = self.path / JOURNAL
        try:
            with self._looks.at(journal) as db:
                check(db, journal)
                tied = json.loads(canonical(directory.tied(config)))
                check_config(db, journal, tied, directory.NOT_SEARCHED)
                tests, prompts = _tests(db, *_stage(db, config, self.path))
        except RunError:
            raise
        except (*UNREADABLE, KeyError) as error:
            raise RunError(f"{journal} cannot be read: {error}.") from error
        return to_label(tests, prompts, COUNT, seed=config.engine.seed), tests


def _stage(db: sqlite3.Connection, config: RedteamConfig, path: Path) -> tuple[str, int]:
    """The stage in which the archive as it is was tested, and its first event."""
    begun = stages(db)
    archive = _archive(path)
    if archive is not None:
        name = directory.audit_stage(config, archive)
        if name in begun:
            return name, begun[name]
    else:
        name = next((n for n in reversed(begun) if n.startswith(f"{directory.AUDIT}-")), "")
        query = NEWEST.format(what="seq", where="")
        (last,) = db.execute(query, (directory.SEARCH,)).fetchone() or (0,)
        if name and begun[name] > last:
            return name, begun[name]
    raise RunError(f"{path} has no audited responses yet: finish it first.")


def _archive(path: Path) -> str | None:
    """The digest of the archive that the run's summary is of."""
    try:
        found = json.loads((path / directory.SUMMARY).read_text(encoding="utf-8"))
        return str(found["archive"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _tests(
    db: sqlite3.Connection, stage: str, first: int
) -> tuple[list[Tested], dict[int, str]]:  # fmt: skip
    """The tests in the order of the elites, and the elites' prompts by id."""
    items: dict[int, dict] = {}
    outcomes: dict[int, object] = {}
    query = "SELECT kind, trial, body FROM events WHERE stage = ? AND seq >= ? ORDER BY seq"
    for kind, trial, body in db.execute(query, (stage, first)):
        if kind == "ask":
            item = json.loads(body)
            if item is not None:  # past the last item a list asks for nothing
                items[trial] = item["value"]
        else:
            outcomes[trial] = json.loads(body) if kind == "tell" else None
    missing = len(items.keys() - outcomes.keys())
    if missing:
        raise RunError(
            f"the audit has not ended ({missing:,} of {len(items):,} elites are still to be "
            f"tested): responses to judge are drawn from all of it."
        )
    tests = [as_tested(row) for _, row in sorted(outcomes.items()) if isinstance(row, dict)]
    return tests, {item["id"]: item["prompt"] for item in items.values()}
