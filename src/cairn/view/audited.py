"""Which responses of a red-teaming run people are to judge: those that `cairn redteam label` takes.

That command folds the search anew to know which archive was tested. Here the run's summary says it
by the archive's digest; before there is one, the only test that can be meant is the newest, begun
after the search had ended. Both need no more than the journal's events of that stage.
"""

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

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

Heard = Mapping[tuple[int, int], str]
"""By id and sample, what every response of an audit can be told by (`trace`)."""


def trace(response: str) -> str:
    """Equal for equal responses."""
    return blake2b(response.encode(), digest_size=16).hexdigest()


class Audited:
    """The audit of the run at `path`, read again only when something was written.

    An audit's responses can take more memory than a page may: all that is kept of them are traces,
    and the texts of those that were drawn.
    """

    def __init__(self, path: Path):
        self.path = path
        self._looks, self._lock = Looks(), threading.Lock()
        self._read: tuple[object, list[Row], Heard] | None = None

    def read(self) -> tuple[list[Row], Heard]:
        """The responses to judge, and what there is in the audit.

        Raises RunError for a run whose audit cannot be read or has not ended: its responses are
        drawn from all of them.
        """
        names = (directory.CONFIG, directory.SUMMARY)
        with self._lock:
            now = (state(self.path / JOURNAL), *(state(self.path / name) for name in names))
            if self._read is None or self._read[0] != now:
                self._read = (now, *self._look())
            return self._read[1:]

    def _look(self) -> tuple[list[Row], Heard]:
        config = directory.open_run(self.path)
        journal = self.path / JOURNAL
        try:
            with self._looks.at(journal) as db:
                check(db, journal)
                tied = json.loads(canonical(directory.tied(config)))
                check_config(db, journal, tied, directory.NOT_SEARCHED)
                stage, first = _stage(db, config, self.path)
                return _drawn(db, _outcomes(db, stage, first), config.engine.seed)
        except RunError:
            raise
        except (*UNREADABLE, KeyError) as error:
            raise RunError(f"{journal} cannot be read: {error}.") from error


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


class _Outcome(NamedTuple):
    seq: int
    """Of the event that has the responses."""
    prompt: str
    test: Tested
    """With traces for responses, and no verdicts."""


def _outcomes(db: sqlite3.Connection, stage: str, first: int) -> list[_Outcome]:
    """What the tests brought, in the order of the elites."""
    prompts: dict[int, str] = {}
    found: dict[int, tuple[int, Tested] | None] = {}
    query = "SELECT seq, kind, trial, body FROM events WHERE stage = ? AND seq >= ? ORDER BY seq"
    for seq, kind, trial, body in db.execute(query, (stage, first)):
        if kind == "ask":
            item = json.loads(body)
            if item is not None:  # past the last item a list asks for nothing
                prompts[trial] = item["value"]["prompt"]
        else:
            found[trial] = (seq, _traced(json.loads(body))) if kind == "tell" else None
    missing = len(prompts.keys() - found.keys())
    if missing:
        raise RunError(
            f"the audit has not ended ({missing:,} of {len(prompts):,} elites are still to be "
            f"tested): responses to judge are drawn from all of it."
        )
    rows = ((prompts[place], brought) for place, brought in sorted(found.items()))
    return [_Outcome(brought[0], prompt, brought[1]) for prompt, brought in rows if brought]


def _traced(row: Mapping[str, Any]) -> Tested:
    samples = [
        (None if response is None else trace(response), None, None, None)
        for response, *_ in row["samples"]
    ]
    return as_tested({"id": row["id"], "cell": row["cell"], "samples": samples})


def _drawn(
    db: sqlite3.Connection, outcomes: Sequence[_Outcome], seed: int
) -> tuple[list[Row], Heard]:
    """What `to_label` takes goes by places alone, so it may take traces: then the texts follow."""
    prompts = {outcome.test.id: outcome.prompt for outcome in outcomes}
    rows = to_label([outcome.test for outcome in outcomes], prompts, COUNT, seed=seed)
    events = {outcome.test.id: outcome.seq for outcome in outcomes}
    for row in rows:
        query = "SELECT body FROM events WHERE seq = ?"
        (body,) = db.execute(query, (events[row["id"]],)).fetchone()
        row["response"] = json.loads(body)["samples"][row["sample"]][0]
    heard = {
        (outcome.test.id, i): said
        for outcome in outcomes
        for i, said in enumerate(outcome.test.responses)
        if said is not None
    }
    return rows, heard
