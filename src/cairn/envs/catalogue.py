"""Every environment by name, and a user's own by `module:Class`."""

import dataclasses
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cairn.core.errors import ConfigError, suggest
from cairn.envs.cartpole import CartPole
from cairn.envs.maze.env import Maze
from cairn.envs.pendulum import Pendulum
from cairn.envs.protocol import Environment

ENVIRONMENTS: Mapping[str, type[Environment]] = MappingProxyType(
    {"maze": Maze, "cartpole": CartPole, "pendulum": Pendulum}
)
"""An environment's own fields are its config: `cairn train` makes a flag of each."""


def find(name: str) -> type[Environment]:
    """The class called `name`, or the one at `package.module:Class`.

    Raises ConfigError that says which names there are, or what the class lacks.
    """
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name]
    module_name, colon, class_name = name.partition(":")
    if not colon:
        raise ConfigError(
            f"Unknown environment {name!r}. Expected one of {', '.join(ENVIRONMENTS)}, or "
            f"your own as package.module:Class.{suggest(name, ENVIRONMENTS)}"
        )
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, "")  # an installed command does not look in the current folder
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except ImportError as error:
        raise ConfigError(
            f"Cannot import {module_name!r} for environment {name!r}: {error}. Run the command "
            f"where `python -c 'import {module_name}'` works."
        ) from error
    except AttributeError as error:
        raise ConfigError(f"Module {module_name!r} has no class {class_name!r}.") from error
    if not (isinstance(found, type) and issubclass(found, Environment)):
        raise ConfigError(
            f"{name} is not an environment: expected a subclass of cairn.envs.protocol.Environment."
        )
    return found


def describe(name: str) -> str:
    """One line about the environment called `name`."""
    return (find(name).__doc__ or "").split("\n", 1)[0]


def settings(environment: Environment) -> dict[str, object]:
    """An environment's config as plain values."""
    return {f.name: getattr(environment, f.name) for f in dataclasses.fields(environment)}
