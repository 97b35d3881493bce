"""Every score by name, and a user's own by `package.module:Name`."""

from collections.abc import Mapping
from types import MappingProxyType

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.score.base import Score

SCORES: Mapping[str, str] = MappingProxyType(
    {
        "positive-value-loss": "cairn.score.regret:POSITIVE_VALUE_LOSS",
        "l1-value-loss": "cairn.score.regret:L1_VALUE_LOSS",
        "one-step-td": "cairn.score.regret:ONE_STEP_TD",
        "maxmc": "cairn.score.regret:MAXMC",
        "learnability": "cairn.score.learnability:LEARNABILITY",
        "regret": "cairn.score.paired:REGRET",
        "flexible-regret": "cairn.score.paired:FLEXIBLE_REGRET",
        "population-regret": "cairn.score.paired:POPULATION_REGRET",
        "negative-return": "cairn.score.paired:NEGATIVE_RETURN",
        "perfect-regret": "cairn.score.perfect:PERFECT_REGRET",
    }
)
"""Where each score lies."""


def find(name: str) -> Score:
    """The score called `name`, or the object (or class, made without arguments) at that place.

    Raises ConfigError that says which names there are, or what the object lacks.
    """
    found = resolve(name, SCORES, "score")
    if isinstance(found, type) and issubclass(found, Score):
        found = found()
    if not isinstance(found, Score):
        raise ConfigError(
            f"{name} is not a score: expected an object of a subclass of cairn.score.Score, got "
            f"{type(found).__name__}."
        )
    return found


def describe(name: str) -> str:
    """One line about the score called `name`."""
    return (type(find(name)).__doc__ or "").split("\n", 1)[0]
