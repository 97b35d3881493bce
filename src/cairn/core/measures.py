"""What an evaluation's headline is called, and which attempts' figures it is made of."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, runtime_checkable

from cairn.core.errors import ConfigError

FIELDS: Mapping[str, str] = MappingProxyType(
    {"solve_rate": "solved", "win_rate": "solved", "return": "episode_return", "length": "length"}
)
"""Measure to the field of `Attempts` whose mean it is."""


@runtime_checkable
class Measured(Protocol):
    """What is measured: an environment."""

    measure: ClassVar[str]
    """Name of its headline."""


def field_of(env: Measured) -> str:
    """The field of `Attempts` that the environment is measured by. Raises ConfigError."""
    if env.measure not in FIELDS:
        raise ConfigError(
            f"{type(env).__name__}.measure must be one of {', '.join(FIELDS)}, got {env.measure!r}."
        )
    return FIELDS[env.measure]


def rate_of(env: Measured) -> str:
    """What the share of solved attempts is called there."""
    return "win_rate" if env.measure == "win_rate" else "solve_rate"


def is_share(measure: str) -> bool:
    """Whether a measure is a share of attempts, between 0 and 1."""
    return FIELDS.get(measure) == "solved"


def label(measure: str) -> str:
    """A measure's name for a person: "solve rate"."""
    return measure.replace("_", " ")


def usual_first(suites: Iterable[str]) -> list[str]:
    """Suites in their order, but the usual problems of a task (`test`) before harder ones: lines of
    a run have them by the alphabet."""
    return sorted(suites, key=lambda name: name != "test")


def headline(figures: Mapping[str, Any]) -> tuple[str, list[float | None]]:
    """Name and figures by seed of what a test during a run is about: one suite's `evaluation`."""
    name = figures.get("measure", "solve_rate")
    return name, figures[name]
