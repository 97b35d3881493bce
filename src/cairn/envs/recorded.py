"""What a dataset says of the environment of its episodes, and whether another is the same."""

import dataclasses
from typing import Any

from cairn.core import files, trees
from cairn.core.errors import DatasetError
from cairn.envs.catalogue import settings
from cairn.envs.protocol import Category, Environment, Image, Vector


def described(task: str, env: Environment) -> dict[str, Any]:
    """Name, settings and specs as plain values, for `dataset.json`. For one player."""
    is_spec = lambda node: isinstance(node, Image | Vector | Category)  # noqa: E731
    parts = trees.named("observation", env.observation_spec, is_leaf=is_spec)
    action: Any = env.action_spec
    return {
        "environment": {"task": task, "settings": settings(env)},
        "specs": {
            **{name: {type(part).__name__: part[0]} for name, part in parts.items()},
            "action": {type(action).__name__: dataclasses.asdict(action)},
        },
    }


def check_same(about: dict[str, Any], task: str, env: Environment, path: Any) -> None:
    """Raise DatasetError unless the episodes of the dataset at `path` might be of `env`.

    Settings that only say which levels there are may differ.
    """
    theirs = about["environment"]
    if theirs["task"] != task:
        raise DatasetError(
            f"{path} holds episodes of {theirs['task']}, expected {task}. Train on the task it is "
            f"of, or collect another."
        )
    ours = files.plain(described(task, env))
    for name, value in ours["environment"]["settings"].items():
        came = theirs["settings"].get(name)
        if name not in env.level_settings and came != value:
            raise DatasetError(
                f"{path} was collected where {name} is {came}, here it is {value}. "
                f"Give --{name.replace('_', '-')} {came}, or collect another."
            )
    for name, spec in ours["specs"].items():
        came = about["specs"].get(name)
        if came != spec:
            raise DatasetError(
                f"{path} holds an {name} of {came}, expected {spec}: it is of another "
                f"environment. Collect another."
            )
