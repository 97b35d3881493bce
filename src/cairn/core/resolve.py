"""Names to objects: a table's short names, and anybody's own as `package.module:Name`."""

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError, suggest


def resolve(name: str, table: Mapping[str, str], what: str) -> Any:
    """The object called `name`: by `table`, which maps short names to addresses, or at an address.

    An address is `package.module:Name`. `what` says in errors what was looked for ("method").
    Raises ConfigError with the nearest name, or saying why the address leads nowhere.
    """
    address = table.get(name, name)
    module_name, colon, attribute = address.partition(":")
    if not colon or not module_name or not attribute:
        raise ConfigError(
            f"Unknown {what} {name!r}. Expected one of {', '.join(table)}, or your own as "
            f"package.module:Name.{suggest(name, table)}"
        )
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, "")  # an installed command does not look in the current folder
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except ImportError as error:
        raise ConfigError(
            f"Cannot import {module_name!r} for {what} {name!r}: {error}. Run the command where "
            f"`python -c 'import {module_name}'` works."
        ) from error
    except AttributeError as error:
        raise ConfigError(f"Module {module_name!r} has no {what} {attribute!r}.") from error
