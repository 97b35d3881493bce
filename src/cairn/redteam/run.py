"""A run from config to report: search, audit, summary. Killed anywhere, it goes on from there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cairn.core import journal_retie
from cairn.core.budget import Amount, Limits
from cairn.core.errors import RunError
from cairn.core.journal import Journal, Spending
from cairn.core.journal_files import within
from cairn.engine.journal_failures import FailedTrial, failed_trials
from cairn.engine.journal_policy import Policy
from cairn.engine.journal_progress import Progress
from cairn.engine.journaled import Result, run
from cairn.evaluation.audit import Tested
from cairn.lm.cast import redactor
from cairn.lm.client import Role
from cairn.lm.errors import EndpointDownError, EndpointRefusedError
from cairn.lm.readings import Reading
from cairn.redteam import directory
from cairn.redteam.audit import Auditor
from cairn.redteam.calls import CORRECTABLE
from cairn.redteam.config import RedteamConfig
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import players
from cairn.redteam.state import State
from cairn.runs.session import Line, conduct, ledger, left, total

SEARCH, AUDIT = "journal.sqlite", "audit.sqlite"
NOT_SEARCHED = ("models.held_out",)
"""Fields that the search has no part in: they may be corrected after it."""


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
    ledger: tuple[Line, ...] = ()
    """What the calls used, by role."""
    failed: tuple[FailedTrial, ...] = ()
    """Trials of the search without an outcome."""


Show = Callable[[Progress], None]


def execute(path: Path, config: RedteamConfig, show: Show | None = None) -> Finished:
    """Run, or go on with, the run in `path`, to its end or a limit.

    Raises KeyboardInterrupt on Ctrl-C and SIGTERM, after answers in flight had a moment to arrive.
    """

    def work(roles: Mapping[str, Role]) -> Awaitable[Finished]:
        return _Session(path, config, roles, show).go()

    return conduct(players(config), work)


def read_back(path: Path, config: RedteamConfig) -> Finished:
    """What the journals of a run hold. Needs no key and makes no call."""
    return asyncio.run(_Session(path, config, {}, None).go())


class _Session:
    """One process's work on a run; without roles it only reads."""

    def __init__(
        self, path: Path, config: RedteamConfig, roles: Mapping[str, Role], show: Show | None
    ):
        self.path, self.config, self.roles, self.show = path, config, roles, show
        self.reading = Reading(CORRECTABLE)
        self.notes: list[str] = []
        self.spending: list[Spending] = []
        self.failed: tuple[FailedTrial, ...] = ()

    async def go(self) -> Finished:
        """Search, then audit if the search is complete."""
        began = time.monotonic()
        trials, limits = self.config.engine.trials, self.config.limits.limits()
        tied = directory.tied(self.config)
        found = await self._run(SEARCH, tied, Rainbow(self.config, self.reading), trials, limits)
        ended = [found]
        complete = found.told >= trials
        if complete and (self.roles or (self.path / AUDIT).exists()):
            ended.append(await self._audit(found, limits))
        unfinished = (r.stopped for r in ended if r.stopped not in ("finished", "done"))
        stopped = next(unfinished, "finished")
        return Finished(
            config=self.config,
            state=found.state,
            tests=tuple(test for r in ended[1:] for test in r.state if test is not None),
            stopped=stopped if complete or self.roles else "the search is not complete",
            spent=total(result.progress.spent for result in ended),
            kept=total(result.progress.kept for result in ended),
            maybe_twice=sum(result.progress.maybe_twice for result in ended),
            notes=tuple(self.notes),
            seconds=time.monotonic() - began,
            state_digest=found.state_digest,
            ledger=ledger(self.spending),
            failed=self.failed,
        )

    async def _audit(self, found: Result, limits: Limits) -> Result:
        """Test the elites, in a journal that is tied to this very archive."""
        elites = found.state.held()
        tied = {
            "archive": found.state_digest,
            "audit": directory.plain(self.config.audit),
            "search": directory.tied(self.config),
        }
        spent = found.progress.spent.plus(found.progress.kept)
        rest = left(limits, spent, found.progress.elapsed_s)
        self.roles = self._with_what_isleft(found.progress.elapsed_s)
        auditor = Auditor(self.config, elites, self.reading)
        return await self._run(AUDIT, tied, auditor, len(elites), rest)

    def _with_what_isleft(self, elapsed_s: float) -> Mapping[str, Role]:
        """The roles, their limits lowered by what the search used."""
        used = {line.role: line.spent.plus(line.kept) for line in ledger(self.spending)}
        return {
            name: replace(role, limits=left(role.limits, used.get(name, Amount()), elapsed_s))
            for name, role in self.roles.items()
        }

    def _follow(self, name: str, tied: dict, free: tuple[str, ...]) -> None:
        """Let a journal follow the correction of a model that it has no answer of, or of a judge
        that came after the search: trials are made anew, from the answers that are there."""
        path, redact = self.path / name, redactor(self.roles)
        fields, answered = journal_retie.changes(path, tied, redact=redact)
        fields = [field for field in fields if not within(field, free)]
        silent = tuple(f"models.{role}" for role in self.config.models if role not in answered)
        may = silent if name == SEARCH else tuple(f"search.{n}" for n in (*silent, *NOT_SEARCHED))
        if self.config.engine.order == "arrival" and name == SEARCH:
            may = ()  # made anew from cached answers, trials would come in another order
        allowed = [field for field in fields if within(field, may)]
        if not allowed:
            return  # the journal itself says what differs
        if allowed != fields:
            raise RunError(
                f"{path} may follow a change of {', '.join(allowed)}, but "
                f"{', '.join(field for field in fields if field not in allowed)} decided what it "
                f"holds: change that back in {self.path / directory.CONFIG}."
            )
        if not self.roles:
            raise RunError(
                f"config.json was changed ({', '.join(fields)}) since {path} was written. "
                f"Go on first: cairn redteam resume {self.path}"
            )
        journal_retie.retie(path, tied, redact=redact)
        self.notes.append(
            f"{name} follows the changed config ({', '.join(fields)}): its trials are made anew "
            f"from the answers that are there; only the changed model is asked again."
        )

    async def _run(
        self, name: str, tied: dict, policy: Policy, trials: int, limits: Limits
    ) -> Result:
        # Told nothing to evaluate, the engine only folds what is there.
        engine = replace(self.config.engine, trials=trials if self.roles else 0)
        redact = redactor(self.roles)
        free = NOT_SEARCHED if name == SEARCH else ()
        self._follow(name, tied, free)
        with Journal(self.path / name, config=tied, free=free, redact=redact) as journal:
            stage = journal.stage("search" if name == SEARCH else "audit")
            try:
                result = await run(
                    policy, stage, config=engine, roles=self.roles,
                    limits=limits if self.roles else None, on_progress=self.show,
                )  # fmt: skip
            except (EndpointRefusedError, EndpointDownError) as error:
                raise type(error)(
                    f"{error} Is a model wrong that has never answered, or held_out? Correct it in "
                    f"{self.path / directory.CONFIG}, then: cairn redteam resume {self.path}"
                ) from error
            self.notes += journal.notes
            self.spending += journal.spending()
            if name == SEARCH and result.state.counts["failed"]:
                self.failed = tuple(failed_trials(journal.events()))
        return result
