"""TensorBoard, W&B and Trackio as optional sinks for metrics.

Each is imported only when asked for, and checked before the run begins. None is needed: the run
directory holds everything. Accounts and keys are the tracker's own business; cairn neither reads
nor writes them.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

from cairn.core.errors import MissingExtraError

MODULES = {"tensorboard": "tensorboardX", "wandb": "wandb", "trackio": "trackio"}
PROJECT = "cairn"


@runtime_checkable
class Tracker(Protocol):
    """Takes figures by name."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Send `figures`, reached after `step` environment steps."""
        ...

    def close(self) -> None:
        """Send what is still held back."""
        ...


def open_tracker(kind: str, run: Path, config: dict[str, Any]) -> Tracker:
    """The tracker called `kind` for the run at `run`. Nothing is written before the first figure.

    Raises MissingExtraError with the install line if its package is not there.
    """
    try:
        module = importlib.import_module(MODULES[kind])
    except ImportError as error:
        raise MissingExtraError(
            f"--log {kind} needs the package {MODULES[kind]}, which is not installed. "
            f"Install it with: uv sync --extra {kind} (or pip install 'cairn[{kind}]')."
        ) from error
    if kind == "tensorboard":
        return _TensorBoard(module, run / "tensorboard")
    return _Remote(module, run.name, config)


class _TensorBoard:
    """Event files in the run directory."""

    def __init__(self, module: ModuleType, folder: Path):
        self._module, self._folder, self._writer = module, folder, None

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if self._writer is None:
            self._writer = self._module.SummaryWriter(str(self._folder))
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


class _Remote:
    """W&B and Trackio share an interface. `environment_steps` is what to plot against."""

    def __init__(self, module: ModuleType, name: str, config: dict[str, Any]):
        self._module, self._name, self._config, self._open = module, name, config, False

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        if not self._open:
            self._module.init(project=PROJECT, name=self._name, config=self._config)
            self._open = True
        self._module.log({"environment_steps": step, **figures})

    def close(self) -> None:
        if self._open:
            self._module.finish()
