"""Commands of the shape INPUT OUTPUT --config CONFIG or --demo."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_type_hints

from cairn.cli import flags
from cairn.core.errors import ConfigError


@dataclass(frozen=True)
class Command:
    """What messages and help say of one."""

    name: str
    """With `cairn` before it."""
    usage: str
    """Printed above its flags."""
    places: tuple[str, str]
    """What the two are called: a source, an output."""
    example: str
    """A call that works."""


@dataclass(frozen=True)
class Flags:
    """Those that all have."""

    config: Path | None = None
    """TOML: models and all settings (docs/source2synth.md)."""
    demo: bool = False
    """Simulated models, which make errors."""
    run: Path | None = None
    """Directory of the run. Default: beside OUTPUT."""


F = TypeVar("F", bound=Flags)


def read(command: Command, kind: type[F], arguments: list[str]) -> tuple[str, str, F]:
    """Input, output and flags. `--help` prints all and leaves. Raises ConfigError."""
    hints = get_type_hints(kind)
    if not arguments or any(flag in arguments for flag in flags.HELP):
        print(command.usage, flush=True)
        title = " ".join(place.split()[-1].upper() for place in command.places)
        flags.parse(kind, ["--help"], hints, default=kind(), prog=f"{command.name} {title}")
    named = [word for word in arguments[:2] if not word.startswith("-")]
    if len(named) < 2:
        raise ConfigError(
            f"{command.name} needs {' and '.join(command.places)}, got "
            f"{' '.join(arguments) or 'none'}. Try {command.name} {command.example}."
        )
    asked = flags.parse(kind, arguments[2:], hints, default=kind(), prog=command.name)
    if asked.demo == (asked.config is not None):
        raise ConfigError(f"{command.name}: give --config CONFIG, or --demo, and not both.")
    return named[0], named[1], asked
