"""Work on every item of a source, from Python: `cairn.map(work, source=..., sink=..., run=...)`."""

import multiprocessing
import pickle
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cairn.core.budget import Amount
from cairn.core.errors import ConfigError
from cairn.core.journal import Spending
from cairn.core.typed import build, convert, plain
from cairn.engine.map_config import MapConfig, MapResult
from cairn.engine.map_hands import Work
from cairn.engine.map_items import Outcome
from cairn.engine.map_progress import MapConsole, Show
from cairn.engine.map_ray import OnRay
from cairn.engine.map_sinks import Sink, sink_at
from cairn.engine.map_sources import Source, source_at
from cairn.engine.map_state import Fold
from cairn.engine.mapped import map_stage
from cairn.lm.cast import Player, company, shaping
from cairn.lm.client import Role
from cairn.lm.shared import players_of
from cairn.lm.spend import Spend
from cairn.runs.directory import LanguageRun, path_of
from cairn.runs.session import conduct, desk_of, ledger, said_how_to_go_on, say

STAGE = "map"


class MapRun(LanguageRun):
    """A map on disk."""

    COMMAND = "cairn.map"
    RESUME = "cairn.map(..., run={path!r})"


@dataclass(frozen=True)
class Mapped:
    """What a map came to."""

    path: Path
    """The run's directory: give it as `run` to go on."""
    items: int
    """Items of the source."""
    done: int
    """Items with a result."""
    rejected: int
    failed: int
    counts: Any
    """The fold over all outcomes; None without one."""
    stopped: str
    """"finished", or the limit that ended it."""
    sink: str | None
    """Where the results are."""
    rejects: str | None
    """Where rejected and failed items are listed; None if there are none."""
    spent: Amount
    """Settled calls, tokens and money, over all sessions."""
    maybe_twice: int
    """Sends possibly paid twice."""
    ledger: tuple[Spending, ...]
    """The books by role."""
    notes: tuple[str, ...]
    """What recovery did, and workers that were lost."""
    seconds: float
    """Of this session."""
    outcomes: Callable[[], Iterable[Outcome]]
    """All outcomes in the source's order; needs the parts, which are kept without a sink, and with
    one as long as there is something to try once more."""


def map(
    work: Work,
    *,
    source: Source | str | Path | Iterable[Any],
    run: Path | str,
    sink: Sink | str | Path | None = None,
    models: Mapping[str, Player | Mapping[str, Any]] | None = None,
    id: str | None = None,
    fold: Fold | Callable[[Outcome], Mapping[str, int]] | None = None,
    seed: int = 0,
    version: str = "",
    limits: Spend | Mapping[str, Any] | None = None,
    workers: int = 64,
    processes: int = 1,
    ray: int = 0,
    shard: int = 1000,
    retry_rejected: bool = False,
    retry_failed: bool = False,
    item_timeout_s: float | None = None,
    private: bool = False,
    show: bool | Show = True,
) -> Mapped:
    """Work on every item of a source; a run that exists is gone on with.

    Killed anywhere and called again with the same arguments, it pays for no answer twice and
    writes the same bytes; neither `workers`, `processes`, `ray` nor `shard` move them.

    Args:
        work: `async def work(item, clients, key) -> JSON`, or raises `cairn.Reject(reason)`.
        source: a path, a URL, a folder, a list, or one of `cairn.engine.map_sources`.
        run: the directory; made if it is not there.
        sink: a path, a URL or one of `cairn.engine.map_sinks`; None keeps the outcomes in the run.
        models: by role, what `clients[role]` is: a model of this process, a `cairn.lm.cast.Model`
            or `Application`, or a table of their fields; `models["default"]` is shared by tables.
        id: the field that holds an item's id; None: the record's number.
        fold: what an outcome adds to which count: `lambda outcome: {"kept": 1}`.
        seed: root of all draws.
        version: of the work; a run that was begun with another one is refused.
        limits: `{"calls": 100, "tokens": ..., "money": ..., "wall_s": ...}`, for all sessions.
        workers: items worked on at a time, in each process.
        processes: above 1, work, models and fold must be importable in other processes.
        ray: so many actors of a Ray cluster in place of processes; needs `cairn[ray]`.
        shard: items in a shard; a run keeps to what it began with.
        retry_rejected: try rejected items once more, with other draws.
        retry_failed: the same for items that got no answer, or none that could be read.
        item_timeout_s: an item that takes longer has failed.
        private: no answer is left in any file of the run once its shard is finished.
        show: a live line on stderr; or a function that is given each moment's progress.

    Raises ConfigError and RunError for what cannot work, an LMError for a server that cannot be
    used, and KeyboardInterrupt after Ctrl-C; the run can be gone on with after each of them.
    """
    began = time.monotonic()
    _check_process()
    given = {
        "seed": seed, "version": version, "workers": workers, "processes": processes,
        "shard": shard, "retry_rejected": retry_rejected, "retry_failed": retry_failed,
        "item_timeout_s": item_timeout_s, "private": private,
    }  # fmt: skip
    config = build(MapConfig, given)
    ray = convert(int, ray, "ray")
    found, target = source_at(source, id), sink_at(sink)
    spend = limits if isinstance(limits, Spend) else convert(Spend, limits or {}, "limits")
    players = players_of(models) if models else {}
    if config.processes > 1:
        _check_importable(players)
    tied = {
        "work": config.tied(),
        "id": id,
        "models": {role: shaping(player) for role, player in players.items()},
    }
    settings = {**tied, "source": found.name, "map": plain(config), "limits": plain(spend)}
    path = path_of(run)
    directory = MapRun.open(path) if path.exists() else MapRun.create(path, settings)

    async def session(roles: Mapping[str, Role]) -> Mapped:
        with (
            directory.lock(),
            desk_of(path, roles, tied=tied, spend=spend, seed=seed) as desk,
            MapConsole() if show is True else nullcontext() as console,
        ):
            directory.change_config(settings)
            make = partial(company, players)
            result = await map_stage(
                desk.journal, desk, stage=STAGE, source=found, work=work, sink=target, fold=fold,
                config=config, company=make, crew=_on_ray(ray, make),
                on_progress=console.show if console else show if callable(show) else None,
            )  # fmt: skip
            return _mapped(path, result, ledger(desk.journal.spending()), time.monotonic() - began)

    with said_how_to_go_on(path):
        mapped = conduct(players, session)
    if show is True:
        _say(mapped)
    return mapped


def _check_process() -> None:
    """Raise ConfigError in a worker that imports the script which started it."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ConfigError(
            "this is a worker, which imports the script that started it: begin the script's own "
            'work below `if __name__ == "__main__":`.'
        )


def _check_importable(players: Mapping[str, Player]) -> None:
    """Raise ConfigError for a model that other processes cannot import."""
    for role, player in players.items():
        try:
            pickle.dumps(player)
        except Exception as error:
            raise ConfigError(
                f"the model {role!r} must be importable in other processes, and is not: {error}. "
                f"Make it of functions of a module, not of lambdas, or use processes=1."
            ) from error


def _on_ray(actors: int, make: Any) -> Any:
    return partial(OnRay, company=make, actors=actors) if actors else None


def _mapped(path: Path, result: MapResult, lines: tuple[Spending, ...], seconds: float) -> Mapped:
    same = {name: getattr(result, name) for name in (
        "items", "done", "rejected", "failed", "counts", "stopped", "sink", "rejects", "outcomes"
    )}  # fmt: skip
    progress = result.progress
    return Mapped(
        path,
        spent=progress.spent,
        maybe_twice=progress.maybe_twice,
        ledger=lines,
        notes=progress.notes,
        seconds=seconds,
        **same,
    )


def _say(mapped: Mapped) -> None:
    missing = "".join(
        f", {number:,} {what}"
        for what in ("rejected", "failed")
        if (number := getattr(mapped, what))
    )
    counts = f"{mapped.done:,} of {mapped.items:,} items{missing}"
    say(mapped.sink or mapped.path, counts, mapped.spent, mapped.stopped)
