"""Flags from dataclasses by tyro, and what is wrong with them in one line."""

import contextlib
import dataclasses
import io
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    UnsupportedTypeAnnotationError,
)

from cairn.core.errors import ConfigError, suggest
from cairn.core.sections import Sections, expectation, find, settings

T = TypeVar("T")
HELP = ("--help", "-h")


def parse_sections(
    sections: Sections, start: T, arguments: list[str], kinds: Mapping[str, Any], *, prog: str
) -> tuple[T, dict[str, Any]]:
    """`start` and the sections with what the flags change; `--help` prints all and leaves.

    `--section.field` always works, and `--field` where no other section has one of that name.
    `kinds`: the annotations of `start`. Raises ConfigError that says in one line what is wrong.
    """
    known = settings(sections)
    # A section with a name that another has, or that the command itself takes, goes by long ones.
    long = {s.section for name, s in known.items() if "." in name or s.field in kinds}
    fields: list[Any] = [("start", Annotated[type(start), tyro.conf.OmitArgPrefixes], start)]
    for name, part in sections.items():
        kind = type(part) if name in long else Annotated[type(part), tyro.conf.OmitArgPrefixes]
        fields.append((name, kind, part))
    everything = dataclasses.make_dataclass("Everything", fields, frozen=True)
    spelled = {
        (f"{s.section}.{s.field}" if s.section in long else s.field): s.kind for s in known.values()
    }
    wanted = (
        arguments
        if any(flag in arguments for flag in HELP)
        else [_spell(word, sections, long, kinds) for word in arguments]
    )
    parsed: Any = parse(
        everything,
        wanted,
        {**kinds, **spelled},
        default=everything(start, **sections),
        prog=prog,
        flat=(),
    )
    return parsed.start, {name: getattr(parsed, name) for name in sections}


def _spell(word: str, sections: Sections, long: set[str], kinds: Mapping[str, Any]) -> str:
    """A flag as the parser calls it, whichever of its names came."""
    if not word.startswith("--"):
        return word
    flag, given, value = word.partition("=")
    section, dot, last = flag.removeprefix("--").rpartition(".")
    section = section.removeprefix("no-").replace("-", "_")
    no = "no-" if flag.startswith("--no-") or last.startswith("no-") else ""
    field = last.removeprefix("no-").replace("-", "_")
    if not dot and field in kinds:
        return word
    try:
        setting = find(sections, f"{section}.{field}" if dot else field)
    except ConfigError as error:
        if "several sections" in str(error) or "Unknown section" in str(error):
            raise
        return word  # an unknown name: the parser's own message offers the nearest
    inside = f"{setting.section}." if setting.section in long else ""
    name = setting.field.replace("_", "-")
    return f"--{inside.replace('_', '-')}{no}{name}{given}{value}"


def parse_known(
    kind: type[T], arguments: list[str], kinds: Mapping[str, Any]
) -> tuple[T, list[str]]:
    """The flags of `kind` out of `arguments`, and what is left. `kinds`: its annotations."""
    with _one_line(arguments, kinds, partial=True):
        return tyro.cli(kind, args=arguments, return_unknown_args=True, add_help=False)


def parse(
    kind: type[T],
    arguments: list[str],
    kinds: Mapping[str, Any],
    *,
    default: T,
    prog: str,
    flat: tuple[Any, ...] = (tyro.conf.OmitArgPrefixes,),
) -> T:
    """All `arguments` as flags of `kind`; `--help` prints them and leaves.

    Flags are the names of the innermost fields, if `flat` is left as it is. Raises ConfigError
    that says in one line what was expected and what came.
    """
    if any(flag in arguments for flag in HELP):
        with _OF_HELP:
            return tyro.cli(kind, args=["--help"], default=default, prog=prog, config=flat)
    with _one_line(arguments, kinds):
        parsed, rest = tyro.cli(
            kind, args=arguments, default=default, prog=prog, config=flat, return_unknown_args=True
        )
    if rest:
        raise ConfigError(_unknown(rest[0], kinds))
    return parsed


_OF_HELP = ConstructorRegistry()
"""What help shows of flags, where that is not what they take."""


@_OF_HELP.primitive_rule
def _left_out(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """A flag that may be left out takes what it takes: STR, not {None}|STR."""
    kind = _certain(info.type)
    if kind is info.type:
        return None
    inner = PrimitiveTypeInfo.make(kind, info.markers)
    spec = ConstructorRegistry.get_primitive_spec(inner)
    if isinstance(spec, UnsupportedTypeAnnotationError):
        return None
    return dataclasses.replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: (
            ["None"] if value is None else spec.str_from_instance(value)
        ),
    )


@contextlib.contextmanager
def _one_line(
    arguments: list[str], kinds: Mapping[str, Any], partial: bool = False
) -> Iterator[None]:
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            yield
    except SystemExit:
        complaint = next(_complaints(arguments, kinds, partial), None)
        raise ConfigError(complaint or _unbox(printed.getvalue())) from None


def _complaints(arguments: list[str], kinds: Mapping[str, Any], partial: bool) -> Iterator[str]:
    """What is wrong with each flag, in order."""
    for place, argument in enumerate(arguments):
        if not argument.startswith("--"):
            continue
        flag, given, value = argument.partition("=")
        kind = _certain(kinds.get(_field(flag)))
        if kind is None and not partial:
            yield _unknown(flag, kinds)
        if kind in (None, bool):
            continue
        following = arguments[place + 1 : place + 2]
        words = [value] if given else [word for word in following if not word.startswith("--")]
        if not words:
            yield f"{flag} expects {expectation(kind)}, got nothing."
        elif not _reads(words[0], kind):
            choices = get_args(kind) if get_origin(kind) is Literal else ()
            near = suggest(words[0], choices)
            yield f"{flag} expects {expectation(kind)}, got {words[0]!r}.{near}"


def _reads(text: str, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return text in get_args(kind)
    if get_origin(kind) in (Union, UnionType):
        return any(_reads(text, one) for one in get_args(kind) if one is not NoneType)
    if kind not in (int, float):
        return True
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _certain(kind: Any) -> Any:
    """Without None: leaving a flag out says that."""
    kinds = [each for each in get_args(kind) if each is not NoneType]
    return kinds[0] if get_origin(kind) in (Union, UnionType) and len(kinds) == 1 else kind


def _field(flag: str) -> str:
    return flag.removeprefix("--").removeprefix("no-").replace(".no-", ".").replace("-", "_")


def _unknown(argument: str, kinds: Mapping[str, Any]) -> str:
    if not argument.startswith("-"):
        return f"Unexpected {argument!r}: expected flags such as --steps 1000000. See --help."
    flag = argument.partition("=")[0]
    near = suggest(flag, [f"--{name.replace('_', '-')}" for name in kinds])
    return f"Unknown flag {flag}.{near} --help lists all of them."


def _unbox(text: str) -> str:
    """The first paragraph of tyro's framed message."""
    words = [line.strip(" │\n") for line in text.splitlines() if not line.startswith(("╭", "╰"))]
    end = next((i for i, line in enumerate(words) if line.startswith("───")), len(words))
    return " ".join(words[:end])
