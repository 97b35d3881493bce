"""Every setting of an experiment by one flat name, as the flags of `cairn train` call it."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from cairn.core.errors import ConfigError, suggest
from cairn.ued.experiment import Experiment

SECTIONS = ("env", "algorithm", "student", "run")
"""The parts of an experiment that have settings."""

_NUMBERS = {int: "a whole number", float: "a number", bool: "true or false"}


class Setting(NamedTuple):
    """Where a setting lives, and what it may be."""

    section: str
    kind: Any
    """The annotation of its field."""
    value: Any


def settings(experiment: Experiment) -> dict[str, Setting]:
    """All settings by name. Raises ConfigError if two sections share a name."""
    found: dict[str, Setting] = {}
    for section, name, kind, value in _fields(experiment):
        if name in found:
            raise ConfigError(
                f"{experiment.environment} has a field {name!r}, which is a setting of the "
                f"{section} too. Rename the field of the environment."
            )
        found[name] = Setting(section, kind, value)
    return found


def change(experiment: Experiment, **values: Any) -> Experiment:
    """The experiment with these settings changed.

    Raises ConfigError for a name that does not exist or a value that its setting cannot take.
    """
    known = settings(experiment)
    parts: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(f"Unknown setting {name!r}.{suggest(name, known)}")
        expected = expectation(known[name].kind)
        if not fits(value, known[name].kind):
            raise ConfigError(f"{name} must be {expected}, got {value!r}.")
        parts[known[name].section][name] = value
    changed = {
        section: dataclasses.replace(getattr(experiment, section), **fields)
        for section, fields in parts.items()
        if fields
    }
    return dataclasses.replace(experiment, **changed)


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` may stand where `kind` is annotated; True for kinds not checked here."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kind) if kind in (bool, str) else True


def expectation(kind: Any) -> str:
    """What a person should give for `kind`."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(kind))
    return _NUMBERS.get(kind) or getattr(kind, "__name__", str(kind))


def _fields(experiment: Experiment) -> Iterator[tuple[str, str, Any, Any]]:
    for section in SECTIONS:
        part = getattr(experiment, section)
        kinds = get_type_hints(type(part))
        for field in dataclasses.fields(part):
            if field.init:
                yield section, field.name, kinds[field.name], getattr(part, field.name)
