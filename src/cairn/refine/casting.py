"""The task that a config names, and who plays in it."""

from collections.abc import Mapping

from cairn.lm.cast import Player
from cairn.refine.config import RefineConfig
from cairn.refine.demo import DemoRefiner
from cairn.refine.tasks.base import Task
from cairn.refine.tasks.catalogue import task


def task_of(config: RefineConfig) -> Task:
    """The task by its name, its file, or as `package.module:Name`. Raises ConfigError."""
    return task(config.task)


def players_of(config: RefineConfig, task: Task) -> Mapping[str, Player]:
    """The config's models, or simulated ones."""
    if config.simulation is None:
        return config.models
    return {"refiner": DemoRefiner(task, config.simulation).model(config.seed)}
