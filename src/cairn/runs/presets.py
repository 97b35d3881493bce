"""Experiments from names: what `cairn train` starts from before flags change it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cairn.core.errors import ConfigError, suggest
from cairn.core.sections import change
from cairn.runs import catalogue
from cairn.runs.experiment import Experiment, RunConfig, section_classes
from cairn.runs.method import Method, Preset


def experiment(
    task: str,
    *,
    method: str | None = None,
    preset: str | None = None,
    learner: str = "ppo",
    **settings: Any,
) -> Experiment:
    """An experiment from names, with any setting changed: `experiment("maze", hidden=64)`.

    A setting that several sections have goes by its long name, `**{"student.hidden": 64}`, or in
    its section, `student={"hidden": 64}`. Without `method` the task's usual one is taken, without
    `preset` the method's first. Raises ConfigError for a name that does not exist or a value that
    cannot work.
    """
    kind = catalogue.task(task)
    name = method or catalogue.default_method(kind)
    how = catalogue.method(name)
    if refusal := how.takes(kind):
        raise ConfigError(f"{name} cannot learn {task}: {refusal}")
    if learner != "ppo" and None not in how.sections.values():
        raise ConfigError(f"{name} leaves nobody to be chosen as its learner, got {learner!r}.")
    chosen = find(how, preset, name)
    kinds = section_classes(how, learner)
    made = made_of(kind, task, {**chosen.fields("task", task), **how.adapts(task)})
    suited = {"algorithm": how.suits(made)}
    sections = {
        "task": made,
        **{
            section: cls(**_known(cls, {**chosen.fields(section, task), **suited.get(section, {})}))
            for section, cls in kinds.items()
        },
        "run": RunConfig(**_known(RunConfig, chosen.fields("run", task))),
    }
    sections = change(sections, settings)
    run = sections.pop("run")
    return Experiment(task, name, sections, run, learner)


def made_of(kind: Any, task: str, fields: Mapping[str, Any]) -> Any:
    """The task that a name stands for. Raises ConfigError for a class that lacks something."""
    try:
        return kind(**fields)
    except TypeError as error:
        raise ConfigError(
            f"{task} cannot be made: {error}. It must have every method of its base class, and a "
            f"default for every field."
        ) from error


def find(how: Method, preset: str | None, method: str) -> Preset:
    """The preset called so, or the method's first. Raises ConfigError."""
    name = preset or next(iter(how.presets))
    if name not in how.presets:
        raise ConfigError(
            f"Unknown preset {name!r}. Expected one of {', '.join(how.presets)} for {method}."
            f"{suggest(name, how.presets)}"
        )
    return how.presets[name]


def _known(kind: type, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in fields.items() if name in names}
