"""What a setting names: something of ours by its short name, or a user's own by address."""

import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, suggest


def resolve(name: str, table: Mapping[str, str], what: str) -> Any:
    """The object called `name` in `table`, or the one at `package.module:Name`.

    `table` maps short names to addresses, so that nothing is imported before it is wanted; `what`
    says in an error what was looked for. Raises ConfigError.
    """
    address = table.get(name, name)
    module_name, colon, attribute = address.partition(":")
    if not (colon and module_name and attribute):
        names = ", ".join(table)
        raise ConfigError(
            f"Unknown {what} {name!r}. Expected one of {names}, or your own as "
            f"package.module:Name.{suggest(name, table)}"
        )
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, "")  # an installed command does not look in the current folder
    try:
        module = importlib.import_module(module_name)
    except (ImportError, SyntaxError, TypeError, ValueError) as error:
        raise ConfigError(
            f"Cannot import {module_name!r} for {what} {name!r}: {error}. Run the command "
            f"where `python -c 'import {module_name}'` works."
        ) from error
    if not hasattr(module, attribute):
        raise ConfigError(
            f"Module {module_name!r} has no {attribute!r} for {what} {name!r}."
            f"{suggest(attribute, vars(module))}"
        )
    return getattr(module, attribute)


def function_at(address: str) -> Callable[..., Any]:
    """Our own function at `module:name`: the table that names it imports nothing before."""
    module, _, name = address.partition(":")
    return getattr(importlib.import_module(module), name)
