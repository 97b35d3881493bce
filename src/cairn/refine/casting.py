"""The task that a config names, and who plays in it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from cairn.core.errors import ConfigError
from cairn.lm.cast import Player
from cairn.refine.checks.catalogue import check
from cairn.refine.config import RefineConfig
from cairn.refine.demo import DemoRefiner
from cairn.refine.tasks.base import Task
from cairn.refine.tasks.catalogue import task

VERIFIER = "verifier"


def task_of(config: RefineConfig) -> Task:
    """The task by its name, its file, or as `package.module:Name`.

    Where a verifier plays and no check asks it, the check `verifier` is put behind the others.
    Raises ConfigError for a task that is none, and for a check whose model nobody plays.
    """
    found = with_models(task(config.task), config.models)
    return found if config.tries is None else replace(found, tries=config.tries)


def with_models(found: Task, models: Collection[str]) -> Task:
    """A task for these roles: see `task_of`."""
    if VERIFIER in models and VERIFIER not in _asked(found):
        found = replace(found, checks=(*found.checks, check(VERIFIER)))
    check_roles(found, models)
    return found


def _asked(found: Task) -> dict[str, str]:
    """The roles that checks ask, each with the name of a check."""
    return {role: each.name for each in found.checks for role in getattr(each, "roles", ())}


def check_roles(found: Task, models: Collection[str]) -> None:
    """Raise ConfigError for a check whose model nobody plays."""
    asked = _asked(found)
    missing = next((role for role in asked if role not in models), None)
    if missing is not None:
        raise ConfigError(
            f"the check {asked[missing]!r} of {found.name} asks a model, and nobody plays the "
            f"{missing}: name it by --{missing}."
        )


def cast_of(config: RefineConfig, task: Task) -> tuple[Task, Mapping[str, Player]]:
    """The config's models, with a distilled refiner among them, or simulated ones; and the task as
    they play it: what a distilled refiner finds gets its pseudonyms in the record's table."""
    if config.distilled is not None:
        from cairn.refine.distill.refiner import Distilled  # JAX, which nothing else here needs

        small = Distilled.open(Path(config.distilled))
        players = {"refiner": small.model(config.seed), **config.models}
        return replace(task, also=(*task.also, small)), players
    if config.simulation is None:
        return task, config.models
    return task, {"refiner": DemoRefiner(task, config.simulation).model(config.seed)}
