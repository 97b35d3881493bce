"""A search over language models from Python: `cairn.search(policy, models=..., trials=...)`."""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn.core.budget import Amount
from cairn.core.directory import free
from cairn.core.errors import ConfigError
from cairn.core.journal import Spending
from cairn.core.typed import build, convert, plain
from cairn.engine.journal_console import JournalConsole
from cairn.engine.journal_policy import Policy, name_of
from cairn.engine.journal_progress import Progress
from cairn.engine.journaled import Config, Result
from cairn.engine.journaled import run as drive
from cairn.lm.cast import Player, shaping
from cairn.lm.client import Role
from cairn.lm.shared import players_of
from cairn.lm.spend import Spend
from cairn.runs.directory import LanguageRun, path_of
from cairn.runs.session import conduct, desk_of, ledger, said_how_to_go_on, say

STAGE = "search"
Show = Callable[[Progress], None]


@dataclass(frozen=True)
class Searched:
    """What a search came to."""

    path: Path
    """The run's directory: give it as `run` to go on."""
    state: Any
    """Of the policy, after the last outcome."""
    told: int
    """Trials whose outcome is in the state."""
    stopped: str
    """"finished", "done" (the policy's wish), or the limit that ended it."""
    spent: Amount
    """Settled calls, tokens and money, over all sessions."""
    kept: Amount
    """Reserved for calls whose outcome nobody knows."""
    ledger: tuple[Spending, ...]
    """The same by role."""
    notes: tuple[str, ...]
    """What recovery did."""
    seconds: float
    """Of this session."""
    digest: str
    """Names the state: equal for equal states."""


class SearchRun(LanguageRun):
    """A search on disk."""

    COMMAND = "cairn.search"
    RESUME = "cairn.search(..., run='{path}')"


def search(
    policy: Policy,
    *,
    models: Mapping[str, Player | Mapping[str, Any]],
    trials: int,
    run: Path | str | None = None,
    limits: Spend | Mapping[str, Any] | None = None,
    seed: int = 0,
    lag: int = 32,
    workers: int | None = None,
    settings: Mapping[str, Any] | None = None,
    show: bool | Show = True,
) -> Searched:
    """Drive a policy for so many trials, or to a limit; a run that exists is gone on with.

    Every answer is journaled before anyone sees it: killed anywhere and called again with the same
    arguments, it pays for nothing twice and comes to the same state.

    Args:
        policy: asks, evaluates and tells; see `cairn.engine.journal_policy.Policy`.
        models: by role, what `clients[role]` is in `evaluate`: a model of this process, a
            `cairn.lm.cast.Model` or `Application`, or a table of their fields, to which
            `models["default"]` gives what all of them share.
        trials: in all, those of earlier calls on the same run among them.
        run: the directory; None makes a new one below `runs/`.
        limits: `{"calls": 100, "tokens": ..., "money": ..., "wall_s": ...}`, for all sessions.
        seed: root of all draws.
        lag: how many trials asks run ahead of tells; part of what the run is.
        workers: how many trials are evaluated at a time; None: `lag`.
        settings: of the policy, recorded; a run that was made with others is refused. Left out,
            they are the fields of a policy that is a dataclass.
        show: a live line on stderr; or a function that is given each moment's `Progress`.

    Raises ConfigError and RunError for what cannot work, an LMError for a server that cannot be
    used, and KeyboardInterrupt after Ctrl-C; the run can be gone on with after each of them.
    """
    began = time.monotonic()
    engine = build(Config, {"trials": trials, "seed": seed, "lag": lag, "workers": workers})
    spend = limits if isinstance(limits, Spend) else convert(Spend, limits or {}, "limits")
    players = players_of(models)
    tied = {
        "policy": name_of(policy),
        "settings": _settings(policy, settings),
        "models": {role: shaping(player) for role, player in players.items()},
        "engine": engine.tied(),
    }
    config = {**tied, "engine": plain(engine), "limits": plain(spend)}
    path = free(Path("runs") / name_of(policy).lower()) if run is None else path_of(run)
    directory = SearchRun.open(path) if path.exists() else SearchRun.create(path, config)

    async def work(roles: Mapping[str, Role]) -> Searched:
        with (
            directory.lock(),
            desk_of(path, roles, tied=tied, spend=spend, seed=seed) as desk,
            JournalConsole() if show is True else nullcontext() as console,
        ):
            directory.change_config(config)
            told = console.show if console else show if callable(show) else None
            result: Result = await drive(
                policy, desk.journal.stage(STAGE), config=engine, desk=desk, on_progress=told
            )
            lines = ledger(desk.journal.spending())
            notes = tuple(desk.journal.notes)
        return Searched(
            path,
            result.state,
            result.told,
            result.stopped,
            result.progress.spent,
            result.progress.kept,
            lines,
            notes,
            time.monotonic() - began,
            result.state_digest,
        )

    with said_how_to_go_on(path):
        found = conduct(players, work)
    if show is True:
        say(path, f"{found.told} of {trials} trials", found.spent, found.stopped)
    return found


def _settings(policy: Policy, given: Mapping[str, Any] | None) -> Any:
    if given is None:
        is_data = dataclasses.is_dataclass(policy)
        given = plain(policy) if is_data else {}
    try:
        return json.loads(json.dumps(given, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the settings of {name_of(policy)} must be JSON to be recorded: {error}. Give those "
            f"that matter by settings={{...}}."
        ) from None
