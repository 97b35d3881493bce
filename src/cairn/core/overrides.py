"""Settings of a nested config as flags: `--search.temperature 0.2 --models.target.model x`.

A flag changes the table that a TOML file gave, before `typed.build` makes a config of it; so a
value is checked once, in one place. Names follow the dataclasses: a field of a section, a key of a
table, the number of an item in a list (`--axes.0.bins 5`).
"""

import copy
import dataclasses
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cairn.core.errors import ConfigError, suggest
from cairn.core.typed import by_kind, convert, expectation, plain

MAPPINGS = (dict, Mapping)
NONE = "none"
"""The word that leaves a setting out."""
Keys = Mapping[str, Sequence[str]]
"""The keys a table may have, by the dotted name of the table: `{"models": ("target", ...)}`."""


def split(
    arguments: Sequence[str], kind: type, keys: Keys, own: Iterable[str]
) -> tuple[dict[str, str], list[str]]:
    """Settings of `kind` out of a command line, by dotted name, and the words that are left.

    `own`: flags of the command itself, which go before settings of the same name. A flag that
    is neither raises ConfigError with the nearest.
    """
    own = set(own)
    changes: dict[str, str] = {}
    rest: list[str] = []
    words = list(arguments)
    while words:
        word = words.pop(0)
        flag, given, value = word.partition("=")
        if not word.startswith("--") or word == "--" or flag in own:
            rest.append(word)
            continue
        name = flag.removeprefix("--")
        hint = _find(kind, keys, name, own)
        if not given:
            value = words.pop(0) if words and not words[0].startswith("--") else ""
            if not value:
                if _inner(hint) is not bool:
                    raise ConfigError(f"{flag} expects {expectation(hint)}, got nothing.")
                value = "true"
        changes[name] = value
    return changes, rest


def change(kind: type, table: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    """The table with some settings changed, each given as the text of a flag.

    Raises ConfigError for a value that cannot stand there; names were checked by `split`.
    """
    changed = copy.deepcopy(dict(table))
    # A table's `kind` decides what its other fields are.
    for name in sorted(changes, key=lambda name: not name.endswith(".kind")):
        _set(kind, changed, name.split("."), changes[name], name)
    return changed


def names(kind: type, keys: Keys, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of `kind`: dotted name and annotation. Items of lists are not among them."""
    for field, hint in _fields(kind).items():
        name = prefix + field
        for inner in _tables(hint):
            yield from names(inner, keys, f"{name}.")
        if get_origin(_inner(hint)) in MAPPINGS:
            entries = _tables(get_args(_inner(hint))[1])
            for key in keys.get(name, ()) if entries else ():
                for inner in entries:
                    yield from names(inner, keys, f"{name}.{key}.")
        elif not _tables(hint):
            yield name, hint


def _find(kind: type, keys: Keys, name: str, own: set[str]) -> Any:
    """The annotation of a setting; raises ConfigError with the nearest name."""
    path = name.split(".")
    hints: list[Any] = [kind]
    for place, part in enumerate(path):
        table = _field(".".join(path[:place]))
        hints = [inner for hint in hints for inner in _step(hint, part, keys.get(table))]
    if hints:
        return hints[0]
    flags = [_flag(each) for each in dict(names(kind, keys))]
    last = f".{_flag(path[-1]).removeprefix('--')}"
    # A field by its bare name is worth more than a similar spelling.
    same = [] if len(path) > 1 else [flag for flag in flags if flag.endswith(last)]
    near = (
        f" Did you mean {' or '.join(same[:3])}?" if same else suggest(_flag(name), (*own, *flags))
    )
    raise ConfigError(f"Unknown flag {_flag(name)}.{near} --help lists all of them.")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _field(part: str) -> str:
    return part.replace("-", "_")


def _free(hint: Any) -> bool:
    """A table whose keys are a person's own, headers say, and stand as they are written."""
    hint = _inner(hint)
    return get_origin(hint) in MAPPINGS and not _tables(get_args(hint)[1])


def _step(hint: Any, part: str, keys: Sequence[str] | None) -> list[Any]:
    """What may stand at `part` inside of `hint`."""
    hint, field = _inner(hint), _field(part)
    kinds = _tables(hint)
    if kinds:
        for kind in kinds:
            moved = getattr(kind, "MOVED", {}).get(field)
            if moved is not None:
                raise ConfigError(f"There is no flag for {field!r} any more: {moved}.")
        return [_fields(kind)[field] for kind in kinds if field in _fields(kind)]
    if get_origin(hint) in MAPPINGS and (keys is None or field in keys):
        return [get_args(hint)[1]]
    if get_origin(hint) is tuple and part.isdecimal():
        return [get_args(hint)[0]]
    return []


def _set(hint: Any, table: Any, path: list[str], text: str, name: str) -> None:
    part, rest = path[0], path[1:]
    kinds = _tables(hint)
    if not _free(hint):
        part = _field(part)
    if len(kinds) > 1:
        if part == "kind":
            table[part] = text
        kinds = [by_kind(kinds, table, _flag(name).removesuffix(".kind"))]
    (inner, *_) = _step(kinds[0] if kinds else hint, part, None) or [None]
    if inner is None:
        raise ConfigError(
            f"{_flag(name)}: a {table.get('kind', 'server')} has no field {part!r}."
            f"{suggest(part, _fields(kinds[0]) if kinds else ())}"
        )
    if isinstance(table, list):
        place = int(part)
        if place >= len(table):
            raise ConfigError(f"{_flag(name)}: the list has {len(table)} items, counted from 0.")
        _set(inner, table[place], rest, text, name)
    elif rest:
        below = table.setdefault(part, _default(kinds[0], part) if kinds else {})
        if not isinstance(below, dict | list):
            raise ConfigError(f"{_flag(name)}: {part} is no table in the config.")
        _set(inner, below, rest, text, name)
    elif _optional(inner) and text.lower() == NONE:
        table.pop(part, None)
    else:
        table[part] = _read(inner, text, name)


def _default(kind: Any, name: str) -> Any:
    """The table that stands for a section which a config leaves out."""
    (field,) = (field for field in dataclasses.fields(kind) if field.name == name)
    made = (
        field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    )
    return plain(made) if made not in (None, dataclasses.MISSING) else {}


def _read(hint: Any, text: str, name: str) -> Any:
    """The text of a flag as the value that TOML would give."""
    kind, flag = _inner(hint), _flag(name)
    value: Any = text
    try:
        if kind is bool:
            value = {"true": True, "false": False}[text.lower()]
        elif kind in (int, float):
            value = kind(text)
        elif kind is Any:
            value = _any(text)
        elif get_origin(kind) in (tuple, *MAPPINGS):
            value = tomllib.loads(f"x = {text}")["x"]
    except (ValueError, KeyError):  # a TOMLDecodeError is a ValueError
        like = ' such as ["one", "two"]' if get_origin(kind) is tuple else ""
        raise ConfigError(f"{flag} expects {expectation(hint)}{like}, got {text!r}.") from None
    return convert(hint, value, flag)


def _any(text: str) -> Any:
    """A number, a list, true; else the text itself."""
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def _inner(hint: Any) -> Any:
    """Without None."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    parts = [part for part in get_args(hint) if part is not type(None)]
    return parts[0] if len(parts) == 1 else hint


def _optional(hint: Any) -> bool:
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def _tables(hint: Any) -> list[Any]:
    """The dataclasses that a hint allows."""
    hint = _inner(hint)
    union = get_origin(hint) in (Union, types.UnionType)
    parts = get_args(hint) if union else (hint,)
    return [part for part in parts if dataclasses.is_dataclass(part)]


def _fields(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if f.init}


def described(kind: type, keys: Keys) -> str:
    """All settings, one a line, with what each expects: for `--help`."""
    lines = []
    for name, hint in dict(names(kind, keys)).items():
        choices = get_origin(_inner(hint)) is Literal
        says = "|".join(map(str, get_args(_inner(hint)))) if choices else expectation(hint)
        lines.append(f"  {_flag(name)} {says}")
    return "\n".join(lines)
