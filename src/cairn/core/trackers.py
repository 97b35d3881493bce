"""TensorBoard, W&B and Trackio as optional sinks for metrics.

Each is imported only when asked for, and checked before the run begins. None is needed: the run
directory holds everything. Accounts and keys are the tracker's own business; cairn neither reads
nor writes them.

A resumed run goes on in the same remote run. What a tracker calls it, and how far it has been sent,
stands in `trackers.json` in the run directory, which is no part of what `cairn digest` hashes.
"""

import contextlib
import importlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from cairn.core import files
from cairn.core.errors import ConfigError, MissingExtraError, RunError, suggest

Kind = Literal["tensorboard", "wandb", "trackio"]
MODULES = {"tensorboard": "tensorboardX", "wandb": "wandb", "trackio": "trackio"}
PROJECT = "cairn"
FILE = "trackers.json"
"""In the run directory: by kind, the remote run's `id` and `name` and the last step `sent`."""

Send = Callable[[int, Mapping[str, Any]], None]
"""(environment steps, a line of metrics.jsonl)."""


@runtime_checkable
class Tracker(Protocol):
    """Takes figures by name."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Send `figures`, reached after `step` environment steps, unless they were sent before."""
        ...

    def close(self) -> None:
        """Send what is still held back."""
        ...


@contextlib.contextmanager
def tracking(kind: str | None, run: Path, config: dict[str, Any]) -> Iterator[Send]:
    """Sends lines of the run at `run` to the tracker called `kind`; to nobody for None."""
    if kind is None:
        yield lambda step, line: None
        return
    tracker = open_tracker(kind, run, config)
    try:
        yield lambda step, line: tracker.log(step, scalars(line))
    finally:
        tracker.close()


def open_tracker(kind: str, run: Path, config: dict[str, Any]) -> Tracker:
    """The tracker called `kind` for the run at `run`. Nothing is written before the first figure.

    Raises what `require` does.
    """
    module = require(kind)
    if kind == "tensorboard":
        return _TensorBoard(module, run / "tensorboard")
    return _Remote(kind, module, run, config)


def require(kind: str) -> ModuleType:
    """The package of a tracker. Raises ConfigError for an unknown kind.

    Raises MissingExtraError with the install line if the package is not there.
    """
    if kind not in MODULES:
        raise ConfigError(
            f"log expects one of {', '.join(get_args(Kind))}, got {kind!r}.{suggest(kind, MODULES)}"
        )
    try:
        return importlib.import_module(MODULES[kind])
    except ImportError as error:
        raise MissingExtraError(
            f"--log {kind} needs the package {MODULES[kind]}, which is not installed. "
            f"Install it with: uv sync --extra {kind} (or pip install 'cairn[{kind}]')."
        ) from error


def scalars(line: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a metrics line by name, with the seed's place if there are several.

    What a seed has no figure for (null in the file) is not among them.
    """
    found: dict[str, float] = {}
    groups = {"ledger": line["ledger"], "train": line["metrics"]}
    for suite, figures in line.get("evaluation", {}).items():
        groups[f"evaluation/{suite}"] = figures
    for group, values in groups.items():
        for name, by_seed in values.items():
            if not isinstance(by_seed, list):
                continue
            for seed, value in enumerate(by_seed):
                place = f"/seed-{seed}" if len(by_seed) > 1 else ""
                if isinstance(value, int | float):
                    found[f"{group}/{name}{place}"] = float(value)
    return found


class _TensorBoard:
    """Event files in the run directory."""

    def __init__(self, module: ModuleType, folder: Path):
        self._module, self._folder, self._writer = module, folder, None

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if self._writer is None:
            # What a killed run wrote from here on is repeated, so it is hidden.
            resumed = {"purge_step": step} if self._folder.exists() else {}
            self._writer = self._module.SummaryWriter(str(self._folder), **resumed)
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _Remote:
    """W&B and Trackio share an interface. `environment_steps` is what to plot against."""

    def __init__(self, kind: str, module: ModuleType, run: Path, config: dict[str, Any]):
        self._kind, self._module, self._config = kind, module, config
        self._name, self._file = run.name, run / FILE
        self._known: dict[str, Any] | None = None

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if self._known is None:
            self._known = self._begin()
        if step <= self._known["sent"]:
            return  # a resumed run repeats what came after its checkpoint
        # Written first: after a kill in between a step is missing there, never there twice.
        self._known["sent"] = step
        self._write()
        self._module.log({"environment_steps": step, **figures})

    def close(self) -> None:
        if self._known is not None:
            self._module.finish()

    def _begin(self) -> dict[str, Any]:
        """Open the remote run that this one was sent to before, or else a new one."""
        before = self._read().get(self._kind)
        known = before or {"id": secrets.token_hex(4), "name": self._name, "sent": -1}
        resume = "never" if before is None else "allow"
        # W&B knows a run by its id, Trackio by its name, which it changes if it is taken.
        own = {"id": known["id"]} if self._kind == "wandb" else {}
        opened = self._module.init(
            project=PROJECT, name=known["name"], config=self._config, resume=resume, **own
        )
        return known | {"name": getattr(opened, "name", None) or known["name"]}

    def _read(self) -> dict[str, Any]:
        if not self._file.exists():
            return {}
        try:
            return json.loads(self._file.read_text())
        except ValueError as error:
            raise RunError(
                f"{self._file} is no JSON: {error}. Remove it, and a new remote run is begun."
            ) from error

    def _write(self) -> None:
        beside = self._file.with_suffix(".new")
        with files.writing(self._file):
            beside.write_text(files.to_json(self._read() | {self._kind: self._known}) + "\n")
            beside.replace(self._file)
