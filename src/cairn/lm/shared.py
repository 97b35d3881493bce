"""`[models.default]`: what all roles of a config have in common, said once."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from cairn.core.errors import ConfigError, suggest
from cairn.core.typed import convert
from cairn.lm.cast import Application, Model, Player

DEFAULT = "default"
KINDS = {"server": Model, "function": Application}


def share(models: Mapping[str, Any], roles: Iterable[str]) -> dict[str, Any]:
    """The tables of the roles, each with the fields of `default` that it does not give itself.

    A role of `roles` without a table of its own gets the default's. Fields that only the other
    kind of model has are left out: a function has no `base_url`. Tables of a role that are no
    table, and unknown fields of a role, are left for `typed.build` to name.

    Raises ConfigError for a field of the default that no model has, and for a table of a role
    that is none of `roles`, where there are any.
    """
    roles = tuple(roles)
    default = models.get(DEFAULT)
    own = {name: table for name, table in models.items() if name != DEFAULT}
    if default is None:
        return own
    if not isinstance(default, Mapping):
        raise ConfigError(f"[models.{DEFAULT}] must be a table, got {default!r}.")
    for name in own:
        if roles and name not in roles:
            raise ConfigError(
                f"[models.{name}] is no role of this run; its roles are {', '.join(roles)}."
                f"{suggest(name, roles)}"
            )
    fields = {kind: _fields(described) for kind, described in KINDS.items()}
    known = {name for names in fields.values() for name in names}
    for name in default:
        if name not in known:
            raise ConfigError(f"[models.{DEFAULT}] has no field {name!r}.{suggest(name, known)}")
    merged = {role: own.get(role, {}) for role in (*roles, *own)}
    for role, table in merged.items():
        if isinstance(table, Mapping):
            kind = table.get("kind", default.get("kind", "server"))
            usable = {n: v for n, v in default.items() if n in fields.get(kind, ())}
            merged[role] = usable | dict(table)
    return merged


def players_of(models: Mapping[str, Player | Mapping[str, Any]]) -> dict[str, Player]:
    """Who plays each role, from models of this process, players, or tables of their fields.

    Raises ConfigError for a table that is none, and where nobody is left.
    """
    if not isinstance(models, Mapping):
        raise ConfigError(f"models must be a table of players by role, got {models!r}.")
    tables = {name: table for name, table in models.items() if isinstance(table, Mapping)}
    made = {
        name: convert(Model | Application, table, f"models.{name}")
        for name, table in share(tables, []).items()
    }
    players = {name: made.get(name, player) for name, player in models.items() if name != DEFAULT}
    if not players:
        raise ConfigError("models needs at least one role, got none.")
    for name, player in players.items():
        if not (isinstance(player, Model | Application) or hasattr(player, "complete")):
            raise ConfigError(
                f"models[{name!r}] must be a model, an application or a table of its fields, got "
                f"{type(player).__name__}."
            )
    return players


def _fields(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}
