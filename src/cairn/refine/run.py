"""A whole refinement: a source, a task, models, an output; begun, gone on with, counted."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.budget import Amount
from cairn.core.errors import RunError
from cairn.core.journal import Spending
from cairn.core.typed import plain
from cairn.engine.map_config import MapConfig, MapResult
from cairn.engine.map_files import exists
from cairn.engine.map_progress import MapConsole, Show
from cairn.engine.map_ray import OnRay
from cairn.engine.mapped import map_stage
from cairn.lm.cast import Application, Model, Player, company, shaping
from cairn.lm.client import Role
from cairn.refine import places, records
from cairn.refine.casting import cast_of, check_roles
from cairn.refine.config import RefineConfig
from cairn.refine.directory import KEY, STAGE, SUMMARY, RefineRun
from cairn.refine.outcomes import funnel
from cairn.refine.pseudonyms import Pseudonyms
from cairn.refine.refining import ROLES, Refining, check_skipping
from cairn.refine.sealing import make_key, read_key
from cairn.refine.tasks.base import Task
from cairn.runs.session import conduct, desk_of, ledger


@dataclass(frozen=True)
class Counted:
    """What a refinement came to."""

    path: Path
    stopped: str
    """"finished", or the limit that ended it."""
    records: int
    """Records of the source."""
    accepted: int
    rejected: int
    failed: int
    """Without an answer of a model."""
    funnel: Mapping[str, int]
    """Counts by name, see `outcomes.funnel`."""
    spent: Amount
    maybe_twice: int
    ledger: tuple[Spending, ...]
    sink: str | None
    rejects: str | None
    notes: tuple[str, ...]
    seconds: float
    """Of this session."""


def refine(
    config: RefineConfig,
    path: Path,
    task: Task,
    *,
    players: Mapping[str, Player] | None = None,
    retry_rejected: bool = False,
    retry_failed: bool = False,
    show: bool | Show = True,
) -> Counted:
    """Refine all records, or go on, to the end or a limit.

    Args:
        config: its `source`, `sink` and `tied` part must stay as they are.
        path: the run's directory; made if it is not there.
        task: what is done with each record.
        players: who plays in place of `config.models`; models of this process, say.
        retry_rejected: try rejected records once more.
        retry_failed: the same for those that no model answered.
        show: a live line on stderr, or a function that is given each moment's progress.

    Raises ConfigError and RunError for what cannot work, before anything is asked; an LMError for
    a server that cannot be used; KeyboardInterrupt after Ctrl-C.
    """
    began = time.monotonic()
    check_skipping(config.how, task)
    if not players:
        task, players = cast_of(config, task)
    check_roles(task, players)
    run = RefineRun.open(path) if path.exists() else None
    begun = run is not None and run.begun
    if run is not None and begun:
        _check_same_places(run, config)
    found = _checked(config, path, begun)
    sink = records.sink(config.sink, config.how.provenance)
    names = {role: _called(players[role]) for role in ROLES if role in players}
    settings = plain(config)
    given = _given_key(config, run if begun else None)  # before anything is made
    if run is None:
        run = RefineRun.create(path, settings)
    elif not begun:
        run.begin_anew(settings)
    pseudonyms = _pseudonyms(config, task, given, run)
    tied = config.tied(task, None if pseudonyms is None else pseudonyms.key)
    tied["models"] = {role: shaping(player) for role, player in players.items()}
    made = MapConfig(
        seed=config.seed, workers=config.workers, processes=config.processes, shard=config.shard,
        retry_rejected=retry_rejected, retry_failed=retry_failed, private=True,
    )  # fmt: skip

    async def session(roles: Mapping[str, Role]) -> Counted:
        with (
            run.lock(),
            desk_of(path, roles, tied=tied, spend=config.limits, seed=config.seed) as desk,
            MapConsole() if show is True else nullcontext() as console,
        ):
            run.change_config(settings)
            make = partial(company, players)
            crew = partial(OnRay, company=make, actors=config.ray) if config.ray else None
            work = Refining(task, names, config.how, pseudonyms, seal=config.key is not None)
            result = await map_stage(
                desk.journal, desk, stage=STAGE, source=found, work=work, sink=sink,
                fold=Funnel(config.how.provenance), config=made, company=make, crew=crew,
                on_progress=console.show if console else show if callable(show) else None,
            )  # fmt: skip
            lines = ledger(desk.journal.spending())
            return _counted(path, result, lines, time.monotonic() - began)

    counted = conduct(players, session)
    files.write_private(path / SUMMARY, files.to_json(as_json(counted), indent=2) + "\n")
    return counted


@dataclass(frozen=True)
class Funnel:
    """The fold of the map: importable, with the field that it looks in."""

    provenance: str

    def __call__(self, outcome: Any) -> dict[str, int]:
        """See `outcomes.funnel`."""
        return funnel(outcome, self.provenance)


def _checked(config: RefineConfig, path: Path, begun: bool) -> Any:
    """The source, after a look at what would only fail later."""
    places.check_places(config.source, config.sink)
    found = records.source(config.source, id_field=config.id, files=config.files)
    if not begun and exists(config.sink):
        raise RunError(
            f"the output {config.sink} exists already, and no run at {path} wrote it: nothing was "
            f"overwritten. Move it away, or choose another output."
        )
    records.check_fields(found, config.how.text)
    return found


def _check_same_places(run: RefineRun, config: RefineConfig) -> None:
    before = run.config
    for name, flag in (("source", "input"), ("sink", "output")):
        if before.get(name) != getattr(config, name):
            raise RunError(
                f"{run.path} is a run whose {flag} is {before.get(name)}, not "
                f"{getattr(config, name)}: name another directory by --run."
            )


def _given_key(config: RefineConfig, begun: RefineRun | None) -> bytes | None:
    """The key of the file named, which a run that was begun does not make."""
    if config.key is None:
        return None
    path = Path(config.key)
    if begun is not None and begun.config.get("key") is None:
        raise RunError(
            f"{begun.path} was begun without --key and draws its pseudonyms by a key of its own: "
            f"leave --key out, or begin another run by --run."
        )
    if begun is not None and not path.exists():
        raise RunError(f"the key file {path} of this run is not there.")
    return read_key(path) if path.exists() else make_key(path)


def _pseudonyms(
    config: RefineConfig, task: Task, key: bytes | None, run: RefineRun
) -> Pseudonyms | None:
    """Who makes pseudonyms: by the key given, or by one of the run's own, which stays with it."""
    if not task.pseudonyms:
        return None
    if key is None:
        path = run.path / KEY
        key = read_key(path) if path.exists() else make_key(path)
    return Pseudonyms(key, config.corpus)


def _called(player: Player) -> str:
    if isinstance(player, Model):
        return player.model
    return player.function if isinstance(player, Application) else player.identity


def _counted(path: Path, result: MapResult, lines: tuple[Spending, ...], seconds: float) -> Counted:
    progress = result.progress
    return Counted(
        path,
        result.stopped,
        result.items,
        result.done,
        result.rejected,
        result.failed,
        dict(result.counts or {}),
        progress.spent,
        progress.maybe_twice,
        lines,
        result.sink,
        result.rejects,
        progress.notes,
        seconds,
    )


def as_json(counted: Counted) -> dict[str, Any]:
    """What summary.json holds."""
    return {
        "stopped": counted.stopped,
        "records": counted.records,
        "accepted": counted.accepted,
        "rejected": counted.rejected,
        "failed": counted.failed,
        "funnel": dict(sorted(counted.funnel.items())),
        "spent": counted.spent._asdict(),
        "possibly_paid_twice": counted.maybe_twice,
        "output": counted.sink,
        "rejects": counted.rejects,
        "run": str(counted.path),
        "notes": list(counted.notes),
    }
