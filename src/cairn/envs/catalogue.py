"""Every environment by name. A user's own goes by its address: `cairn.core.resolve`."""

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from cairn.core.errors import ConfigError, suggest
from cairn.envs.adapters import seeded
from cairn.envs.adapters.craftax import Craftax, CraftaxClassic
from cairn.envs.adapters.gymnasium import Gymnasium
from cairn.envs.adapters.gymnax import Gymnax
from cairn.envs.cartpole import CartPole
from cairn.envs.fruit.env import Fruit
from cairn.envs.levers import Levers
from cairn.envs.maze.env import Maze
from cairn.envs.pendulum import Pendulum
from cairn.envs.protocol import Environment
from cairn.envs.tmazes import TMazes

ENVIRONMENTS: Mapping[str, type[Environment]] = MappingProxyType(
    {
        "maze": Maze,
        "cartpole": CartPole,
        "pendulum": Pendulum,
        "fruit": Fruit,
        "levers": Levers,
        "tmazes": TMazes,
    }
)
"""An environment's own fields are its config: `cairn train` makes a flag of each."""

FOREIGN: Mapping[str, type[Environment]] = MappingProxyType(
    {"craftax-classic": CraftaxClassic, "craftax": Craftax}
)
"""Environments of packages that may not be installed: making one says so."""

PREFIXES: Mapping[str, type[seeded.Seeded]] = MappingProxyType(
    {"gymnax/": Gymnax, "gymnasium/": Gymnasium}
)
"""Packages of many environments: `gymnax/CartPole-v1` is the one that gymnax calls so."""


def find(name: str, beside: Iterable[str] = ()) -> type[Environment]:
    """The class called `name`. Raises ConfigError that says which names there are.

    `beside` are names of tasks that are no environments.
    """
    known = {**ENVIRONMENTS, **FOREIGN}
    if name in known:
        return known[name]
    for prefix, kind in PREFIXES.items():
        if name.startswith(prefix):
            return seeded.named(kind, name.removeprefix(prefix))
    there = [*names(), *beside]
    raise ConfigError(
        f"Unknown environment {name!r}. Expected one of {', '.join(there)}, or your own as "
        f"package.module:Class.{suggest(name, there)}"
    )


def describe(name: str) -> str:
    """One line about the environment called `name`."""
    return (find(name).__doc__ or "").split("\n", 1)[0]


def names() -> tuple[str, ...]:
    """What environments are called, NAME standing for what their package calls them."""
    return (*ENVIRONMENTS, *FOREIGN, *(f"{prefix}NAME" for prefix in PREFIXES))


def lines() -> dict[str, str]:
    """One line about each environment, and about each package of them."""
    packages = {f"{prefix}NAME": kind.__doc__ or "" for prefix, kind in PREFIXES.items()}
    return {name: packages.get(name) or describe(name) for name in names()}


def settings(environment: Environment) -> dict[str, object]:
    """An environment's config as plain values."""
    return {f.name: getattr(environment, f.name) for f in dataclasses.fields(environment)}
