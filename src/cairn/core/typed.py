"""From nested tables (TOML, JSON) to frozen dataclasses, field by field, with errors that help."""

import dataclasses
import math
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from cairn.core.errors import ConfigError, reason, suggest

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as nested tables; raises ConfigError with the place of a mistake."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"there is no file {path}.") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder: expected a TOML file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {reason(error)}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None


def build(kind: type[T], table: Mapping[str, Any], where: str = "") -> T:
    """A dataclass from a table of its fields.

    Raises ConfigError for an unknown field (with the nearest known one), a missing one, or a
    value of another type; `where` names the table in messages.
    """
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}  # type: ignore[arg-type]
    place = f"[{where}]" if where else "the config"
    for name in table:
        if name not in fields:
            # What a class says of fields that it had in an earlier version.
            moved: Mapping[str, str] = getattr(kind, "MOVED", {})
            if name in moved:
                raise ConfigError(f"{place} has no field {name!r} any more: {moved[name]}.")
            raise ConfigError(
                f"{place} has no field {name!r}.{suggest(name, fields)} "
                f"Its fields: {', '.join(fields)}."
            )
    hints = get_type_hints(kind)
    values = {}
    for name, described in fields.items():
        inner = f"{where}.{name}" if where else name
        if name in table:
            values[name] = convert(hints[name], table[name], inner)
        elif _required(described):
            raise ConfigError(f"{place} needs the field {name!r} ({expectation(hints[name])}).")
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}" if where else str(error)) from None


def convert(hint: Any, value: Any, where: str) -> Any:
    """`value` as `hint` wants it, or a ConfigError that says what came instead."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _union(parts, value, where)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return build(hint, _expect(value, Mapping, "a table", where), where)
    if origin is Literal:
        if value in parts and not isinstance(value, bool):
            return value
        near = suggest(value, map(str, parts)) if isinstance(value, str) else ""
        raise ConfigError(f"{where} must be {expectation(hint)}, got {value!r}.{near}")
    if origin is tuple:
        items = _expect(value, (list, tuple), "a list", where)
        return tuple(convert(parts[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if origin in (dict, Mapping) or origin is types.MappingProxyType:
        entries = _expect(value, Mapping, "a table", where)
        return {key: convert(parts[1], entry, f"{where}.{key}") for key, entry in entries.items()}
    return _plain(hint, value, where)


def expectation(hint: Any) -> str:
    """A type in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(repr(part) for part in parts)
    if origin in (Union, types.UnionType):
        return expectation(next(part for part in parts if part is not type(None)))
    if origin is tuple:
        return "a list"
    if origin is dict or dataclasses.is_dataclass(hint):
        return "a table"
    names = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}
    return names.get(hint, str(hint))


def plain(value: Any) -> Any:
    """A config as JSON values: what `build` reads back."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: plain(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if getattr(value, f.name) is not None
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return value


def record(value: Any) -> Any:
    """Results as JSON values, to be read by name: dataclasses and named tuples become tables.

    Unlike `plain`, which is of settings, it keeps what is None: a figure that is missing.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: record(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: record(item) for name, item in value._asdict().items()}  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        return {str(name): record(item) for name, item in value.items()}
    return value


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is float and type(value) is int:
        return float(value)
    # TOML knows nan and inf, but no setting means anything by them, and JSON would drop them.
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where} must be a finite number, got {value}.")
    # bool is an int to isinstance, but nobody means it as one.
    if isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool):
        return value
    raise ConfigError(f"{where} must be {expectation(hint)}, got {value!r}.")


def _union(parts: tuple, value: Any, where: str) -> Any:
    kinds = [part for part in parts if dataclasses.is_dataclass(part)]
    if len(kinds) > 1:
        return build(by_kind(kinds, value, where), value, where)
    if value is None and type(None) in parts:
        return None
    return convert(next(part for part in parts if part is not type(None)), value, where)


def by_kind(kinds: list, value: Any, where: str) -> Any:
    """The member of a union of dataclasses that the field `kind` names; the first by default."""
    table = _expect(value, Mapping, "a table", where)
    named = {get_args(get_type_hints(kind)["kind"])[0]: kind for kind in kinds}
    name = table.get("kind", next(iter(named)))
    if name not in named:
        known = " or ".join(repr(known) for known in named)
        near = suggest(name, named) if isinstance(name, str) else ""
        raise ConfigError(f"{where}.kind must be {known}, got {name!r}.{near}")
    return named[name]


def _expect(value: Any, kind: Any, words: str, where: str) -> Any:
    if not isinstance(value, kind):
        raise ConfigError(f"{where} must be {words}, got {value!r}.")
    return value


def _required(described: dataclasses.Field) -> bool:
    missing = dataclasses.MISSING
    return described.default is missing and described.default_factory is missing
