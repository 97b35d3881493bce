"""The task that a config names, and who plays in it."""

from collections.abc import Mapping

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.lm.cast import Player
from cairn.refine.config import RefineConfig
from cairn.refine.demo import DemoRefiner
from cairn.refine.tasks.base import Task

TASKS: dict[str, str] = {}


def task_of(config: RefineConfig) -> Task:
    """The task by its name, its file, or as `package.module:Name`. Raises ConfigError."""
    found = resolve(config.task, TASKS, "task")
    if not isinstance(found, Task):
        raise ConfigError(f"{config.task} is no Task of cairn.refine, but {type(found).__name__}.")
    return found


def players_of(config: RefineConfig, task: Task) -> Mapping[str, Player]:
    """The config's models, or simulated ones."""
    if config.simulation is None:
        return config.models
    return {"refiner": DemoRefiner(task, config.simulation).model(config.seed)}
