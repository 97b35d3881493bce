"""A run from config to report: search, audit, summary. Killed anywhere, it goes on from there.

One journal has both stages. The audit's is named by all that it depends on (archive, held-out
judge, settings): another judge opens a stage of its own, which finds the answers of that before.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cairn.core.budget import Amount, total
from cairn.core.journal import Journal, Spending, digest_of
from cairn.engine.journal_failures import FailedTrial, failed_trials
from cairn.engine.journal_fold import restore
from cairn.engine.journal_progress import Progress
from cairn.engine.journaled import Result, run
from cairn.engine.map_list import Listed, map_list, read_list
from cairn.evaluation.audit import Tested, describe
from cairn.evaluation.audit import tested as tests_among
from cairn.lm.cast import redactor
from cairn.lm.client import Desk, Role
from cairn.lm.errors import EndpointDownError, EndpointRefusedError
from cairn.lm.readings import Reading
from cairn.redteam import audit, directory
from cairn.redteam.calls import CORRECTABLE
from cairn.redteam.config import RedteamConfig
from cairn.redteam.directory import AUDIT, NOT_SEARCHED, SEARCH
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import players
from cairn.redteam.state import State
from cairn.runs.session import JOURNAL, conduct, desk_of, drop_failures, follow, ledger


@dataclass(frozen=True)
class Finished:
    """What a run came to."""

    config: RedteamConfig
    state: State
    tests: tuple[Tested, ...]
    stopped: str
    """"finished", or the limit that ended it."""
    spent: Amount
    """Settled calls, tokens and money of search and audit."""
    kept: Amount
    """Reserved for calls whose outcome nobody knows."""
    maybe_twice: int
    """Sends possibly paid twice."""
    notes: tuple[str, ...]
    """What recovery did."""
    seconds: float
    """Running time of this session."""
    state_digest: str
    """Names the archive and all that led to it: equal for equal searches."""
    ledger: tuple[Spending, ...] = ()
    """What the calls used, by role."""
    failed: tuple[FailedTrial, ...] = ()
    """Trials of the search without an outcome."""


Show = Callable[[Progress], None]


def execute(
    path: Path, config: RedteamConfig, show: Show | None = None, *, retry_failed: bool = False
) -> Finished:
    """Run, or go on with, the run in `path`, to its end or a limit.

    `retry_failed` makes the trials anew from the answers that are there, without the rejections:
    what failed is asked again, and all that follows is as if it had never failed.

    Raises KeyboardInterrupt on Ctrl-C and SIGTERM, after answers in flight had a moment to arrive.
    """

    def work(roles: Mapping[str, Role]) -> Awaitable[Finished]:
        return _Session(path, config, roles, show).go(retry_failed=retry_failed)

    return conduct(players(config), work)


def read_back(path: Path, config: RedteamConfig) -> Finished:
    """What the journal of a run holds. Needs no key, makes no call, repairs and writes nothing.

    Raises RunError for a journal that is missing, damaged or of another config.
    """
    began, tied = time.monotonic(), directory.tied(config)
    with Journal.read(path / JOURNAL, config=tied, free=NOT_SEARCHED) as journal:
        policy = Rainbow(config)
        fold = restore(policy, journal.stage(SEARCH))
        digest = digest_of(fold.dump_state()).hex()
        tested = read_list(
            journal.stage(directory.audit_stage(config, digest)), audit.items(fold.state.held())
        )
        complete = fold.told >= config.engine.trials
        stopped = tested.stopped if complete else "the search is not complete"
        return _finished(journal, config, fold.state, digest, tested, stopped, (), began)


def _finished(
    journal: Journal,
    config: RedteamConfig,
    state: State,
    digest: str,
    tested: Listed | None,
    stopped: str,
    notes: tuple[str, ...],
    began: float,
) -> Finished:
    lines = ledger(journal.spending())
    failed = failed_trials(journal.stage(SEARCH).events()) if state.counts["failed"] else ()
    return Finished(
        config=config,
        state=state,
        tests=() if tested is None else tests_among(tested.outcomes),
        stopped=stopped,
        spent=total(line.spent for line in lines),
        kept=total(line.kept for line in lines),
        maybe_twice=sum(line.maybe_twice for line in lines),
        notes=(*notes, *journal.notes),
        seconds=time.monotonic() - began,
        state_digest=digest,
        ledger=lines,
        failed=tuple(failed),
    )


class _Session:
    """One process's work on a run."""

    def __init__(
        self, path: Path, config: RedteamConfig, roles: Mapping[str, Role], show: Show | None
    ):
        self.path, self.config, self.roles, self.show = path, config, roles, show
        self.reading = Reading(CORRECTABLE)
        self.tied, self.redact = directory.tied(config), redactor(roles)
        self.notes: list[str] = []

    async def go(self, *, retry_failed: bool) -> Finished:
        """Search, then audit if the search is complete."""
        began, engine = time.monotonic(), self.config.engine
        followed = follow(
            self.path / JOURNAL, self.tied, roles=self.config.models, free=NOT_SEARCHED,
            redact=self.redact, order=engine.order,
        )  # fmt: skip
        self.notes += filter(None, [followed])
        if retry_failed:
            dropped = drop_failures(
                self.path / JOURNAL, self.tied, scopes=(SEARCH, AUDIT), free=NOT_SEARCHED,
                redact=self.redact, order=engine.order,
            )  # fmt: skip
            self.notes.append(dropped)
        with desk_of(
            self.path, self.roles, tied=self.tied, spend=self.config.limits, seed=engine.seed,
            free=NOT_SEARCHED,
        ) as desk:  # fmt: skip
            self._keep_config()
            journal = desk.journal
            policy, stage = Rainbow(self.config, self.reading), journal.stage(SEARCH)
            tested = None
            try:
                found = await run(policy, stage, config=engine, desk=desk, on_progress=self.show)
                if found.told >= engine.trials:
                    tested = await self._audit(desk, found)
            except (EndpointRefusedError, EndpointDownError) as error:
                raise type(error)(
                    f"{error} Is a model wrong that has never answered, or held_out? Correct it in "
                    f"{self.path / directory.CONFIG}, then: cairn redteam resume {self.path}"
                ) from error
            stopped = found.stopped if tested is None else tested.stopped
            return _finished(
                journal, self.config, found.state, found.state_digest, tested, stopped,
                tuple(self.notes), began,
            )  # fmt: skip

    def _keep_config(self) -> None:
        """Only now that the journal took it: a refused one must not stand in the way of the old."""
        kept, now = directory.RedteamRun(self.path), directory.plain(self.config)
        if kept.config != json.loads(json.dumps(now)):
            kept.change_config(now)

    async def _audit(self, desk: Desk, found: Result) -> Listed:
        """Test the elites."""
        items = audit.items(found.state.held())
        return await map_list(
            desk.journal.stage(directory.audit_stage(self.config, found.state_digest)),
            desk,
            items,
            audit.work(self.config, self.reading),
            config=self.config.engine,
            answers=AUDIT,
            describe=lambda outcomes: (
                "test: " + describe(tests_among(outcomes), len(outcomes), len(items), "elites")
            ),
            on_progress=self.show,
        )
