"""Settings in sections: frozen dataclasses by name, whose fields are flags, TOML and saved config.

A field is called `section.field` everywhere, and by its short name `field` where no other section
has one of that name. Every wing's commands and Python functions use this.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from cairn.core.errors import ConfigError, suggest

Sections = Mapping[str, Any]
"""Section name to a dataclass instance."""

_WORDS = {
    int: "a whole number", float: "a number", bool: "true or false", Path: "a file or folder",
    str: "a name",
}  # fmt: skip


class Setting(NamedTuple):
    """Where a setting lives, and what it may be."""

    section: str
    field: str
    kind: Any
    """The annotation of its field."""
    value: Any


def settings(sections: Sections) -> dict[str, Setting]:
    """All settings by their shortest name: the field's where that is unique, else the long one."""
    every = list(_fields(sections))
    fields = [setting.field for setting in every]
    return {s.field if fields.count(s.field) == 1 else f"{s.section}.{s.field}": s for s in every}


def find(sections: Sections, name: str) -> Setting:
    """The setting called `name`, by its short or its long name.

    Raises ConfigError with the nearest name, or for a short name of several with the long ones.
    """
    every = list(_fields(sections))
    found = [s for s in every if name in (s.field, f"{s.section}.{s.field}")]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(f"{s.section}.{s.field}" for s in found)
        raise ConfigError(f"{name!r} is a setting of several sections: say {names}.")
    section, dot, _ = name.partition(".")
    if dot and section not in sections:
        raise ConfigError(
            f"Unknown section {section!r} in {name!r}. Expected one of {', '.join(sections)}."
            f"{suggest(section, sections)}"
        )
    raise ConfigError(f"Unknown setting {name!r}.{suggest(name, names_of(sections))}")


def names_of(sections: Sections) -> list[str]:
    """Every name by which a setting can be called."""
    long = [f"{s.section}.{s.field}" for s in _fields(sections)]
    return [*settings(sections), *long]


def change(sections: Sections, values: Mapping[str, Any]) -> dict[str, Any]:
    """The sections with these settings changed.

    `values` holds settings by short or long name, or a section's name with a mapping of its
    fields. Raises ConfigError for a name that does not exist or a value that cannot stand there.
    """
    changed: dict[str, dict[str, Any]] = {name: {} for name in sections}
    for name, value in _flat(sections, values):
        setting = find(sections, name)
        value = tuple(value) if isinstance(value, list) else value
        if not fits(value, setting.kind):
            raise ConfigError(f"{name} must be {expectation(setting.kind)}, got {value!r}.")
        changed[setting.section][setting.field] = _exactly(value, setting.kind)
    return {
        name: dataclasses.replace(part, **changed[name]) if changed[name] else part
        for name, part in sections.items()
    }


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` may stand where `kind` is annotated; True for kinds not checked here."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(fits(value, one) for one in get_args(kind))
    if kind is NoneType:
        return value is None
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind) if kind in (bool, str) else True


def _exactly(value: Any, kind: Any) -> Any:
    """A whole number where any number may stand, as the number that a flag makes of it."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and float in kinds and int not in kinds else value


def expectation(kind: Any) -> str:
    """What a person should give for `kind`."""
    if get_origin(kind) is Literal:
        choices = [str(choice) for choice in get_args(kind)]
        return "one of " + ", ".join(choices) if len(choices) > 1 else choices[0]
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(expectation(one) for one in get_args(kind) if one is not NoneType)
    return _WORDS.get(kind) or getattr(kind, "__name__", str(kind))


def values(part: Any) -> dict[str, Any]:
    """The settings of one section as plain values, but for those that it calls `void`: of no
    meaning beside the others."""
    fields = [f.name for f in dataclasses.fields(part) if f.init]
    return {name: getattr(part, name) for name in fields if name not in getattr(part, "void", ())}


def _flat(sections: Sections, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if name in sections and isinstance(value, Mapping):
            yield from ((f"{name}.{field}", inner) for field, inner in value.items())
        else:
            yield name, value


def _fields(sections: Sections) -> Iterator[Setting]:
    for section, part in sections.items():
        kinds = get_type_hints(type(part))
        for field in dataclasses.fields(part):
            if field.init:
                yield Setting(section, field.name, kinds[field.name], getattr(part, field.name))
