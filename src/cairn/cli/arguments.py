"""An argument parser for the small commands, whose complaints are errors of cairn."""

import argparse
from typing import NoReturn

from cairn.core.errors import ConfigError


class Parser(argparse.ArgumentParser):
    """`argparse` without abbreviated flags; a mistake raises ConfigError."""

    def __init__(self, **settings: object):
        super().__init__(allow_abbrev=False, **settings)  # type: ignore[arg-type]

    @property
    def flags(self) -> set[str]:
        """Every flag it knows."""
        return set(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Refuse in one line."""
        raise ConfigError(f"{self.prog}: {message}. See {self.prog} --help.")


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1, got {text}")
    return value
