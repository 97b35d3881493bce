"""Every task of symbols by name and address. A user's own goes by its address."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.envs.tokens.protocol import TokenTask

TASKS: Mapping[str, str] = MappingProxyType(
    {
        "addition": "cairn.envs.tokens.addition:Addition",
        "countdown": "cairn.envs.tokens.countdown:Countdown",
        "modular": "cairn.envs.tokens.modular:Modular",
        "rewriting": "cairn.envs.tokens.rewriting:Rewriting",
        "sudoku": "cairn.envs.tokens.sudoku:Sudoku",
        "path": "cairn.envs.tokens.path:Path",
        "repair": "cairn.envs.tokens.repair:Repair",
    }
)
"""A task's own fields are its settings: `cairn train` makes a flag of each."""


PREFIX = "reasoning-gym/"
"""`reasoning-gym/chain_sum` is the one that reasoning-gym calls so."""


def find(name: str) -> type[TokenTask]:
    """The class called `name`. Raises ConfigError that says which names there are."""
    if name.startswith(PREFIX):
        # Its package may not be installed: nothing of it is imported before it is asked for.
        from cairn.envs.tokens.reasoning_gym import named

        return named(name.removeprefix(PREFIX))
    found: Any = resolve(name, TASKS, "task of symbols")
    if not (isinstance(found, type) and issubclass(found, TokenTask)):
        raise ConfigError(
            f"{name} is no task of symbols: expected a class that extends "
            f"cairn.envs.tokens.protocol.TokenTask, got {found!r}."
        )
    return found
