"""Checks of the fields of a config, with one wording. Each raises ConfigError."""

import math
from typing import Any

from cairn.core.errors import ConfigError


def at_least(config: Any, least: int, *names: str) -> None:
    """Every field of `names` is `least` or more."""
    for name in names:
        _check(config, name, getattr(config, name) >= least, f"be at least {least}")


def positive(config: Any, *names: str) -> None:
    """Every field of `names` is above 0 and finite."""
    for name in names:
        value = getattr(config, name)
        _check(config, name, value > 0 and math.isfinite(value), "be positive and finite")


def not_negative(config: Any, *names: str) -> None:
    """Every field of `names` is 0 or more and finite."""
    for name in names:
        value = getattr(config, name)
        _check(config, name, value >= 0 and math.isfinite(value), "be 0 or more and finite")


def share(config: Any, *names: str) -> None:
    """Every field of `names` lies in [0, 1]."""
    for name in names:
        _check(config, name, 0 <= getattr(config, name) <= 1, "lie in [0, 1]")


def between(config: Any, least: float, most: float, *names: str) -> None:
    """Every field of `names` lies in [least, most]."""
    for name in names:
        holds = least <= getattr(config, name) <= most
        _check(config, name, holds, f"lie in [{least:g}, {most:g}]")


def divides(config: Any, part: str, whole: str) -> None:
    """The field `part` divides the field `whole`."""
    total = getattr(config, whole)
    _check(config, part, total % getattr(config, part) == 0, f"divide {whole} ({total})")


def _check(config: Any, name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise ConfigError(f"{name} must {expected}, got {getattr(config, name)}.")
