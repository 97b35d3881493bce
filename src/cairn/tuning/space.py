"""What a search may change: settings by name, each with a range or with choices.

A point of the space is a vector in the unit cube, so that one form of search serves all kinds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import numpy as np
from jaxtyping import Float

from cairn.core.errors import ConfigError
from cairn.core.sections import Setting, expectation, find, fits
from cairn.envs.protocol import Environment
from cairn.runs.experiment import Experiment

Value = float | int | bool | str
Values = Mapping[str, Value]
"""Settings by their long names."""
FORMS = "NAME=LOW,HIGH or NAME=log:LOW,HIGH or NAME=one|another"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; `log`: every factor is as likely."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def at(self, unit: float) -> Value:
        """The value at a place in [0, 1]."""
        half = 0.5 if self.whole else 0.0
        low, high = self.low - half, self.high + half
        if self.log:
            value = math.exp(math.log(low) + unit * (math.log(high) - math.log(low)))
        else:
            value = low + unit * (high - low)
        return self.clipped(value)

    def clipped(self, value: float) -> Value:
        """The nearest value of the range."""
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else float(value)

    @property
    def ends(self) -> tuple[Value, ...]:
        """What a setting must bear for all of it to be allowed."""
        return self.clipped(self.low), self.clipped(self.high)


@dataclass(frozen=True)
class Choice:
    """One of some values, in no order."""

    options: tuple[Value, ...]

    def at(self, unit: float) -> Value:
        """The value at a place in [0, 1]: equal parts."""
        return self.options[min(int(unit * len(self.options)), len(self.options) - 1)]

    @property
    def ends(self) -> tuple[Value, ...]:
        """All of them."""
        return self.options


@dataclass(frozen=True)
class Space:
    """Parameters by the long names of their settings."""

    parameters: Mapping[str, Range | Choice]

    def __len__(self) -> int:
        return len(self.parameters)

    def at(self, units: Float[np.ndarray, " parameters"]) -> dict[str, Value]:
        """The settings at a point of the unit cube."""
        pairs = zip(self.parameters.items(), units.tolist(), strict=True)
        return {name: parameter.at(unit) for (name, parameter), unit in pairs}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `space` reads them."""
        return {
            name: list(p.options)
            if isinstance(p, Choice)
            else {"low": p.low, "high": p.high, "log": p.log}
            for name, p in self.parameters.items()
        }


def space(search: Mapping[str, Any], experiment: Experiment) -> Space:
    """The space that texts (`log:1e-4,1e-2`, `a|b`), lists or tables `{low, high, log}` describe.

    Every bound and choice is tried in `experiment`. Raises ConfigError for an empty search, a
    setting that does not exist or must not be searched, and a value that it does not allow.
    """
    if not search:
        raise ConfigError(
            f"The search space is empty: give at least one --search {FORMS}, such as "
            f"--search student.learning_rate=log:1e-4,1e-2."
        )
    found: dict[str, Range | Choice] = {}
    for name, told in search.items():
        setting = find(experiment.everything, name.replace("-", "_"))
        long = f"{setting.section}.{setting.field}"
        _check_searchable(setting, long, experiment)
        if long in found:
            raise ConfigError(f"{long} is searched twice: give one range or one list of choices.")
        found[long] = _parameter(long, told, setting.kind)
        for value in found[long].ends:
            try:
                experiment.changed({long: value})
            except ConfigError as error:
                raise ConfigError(f"--search {long} reaches {value}, but {error}") from None
    return Space(found)


def from_flags(words: Sequence[str]) -> dict[str, str]:
    """What `--search NAME=...` says, by name. Raises ConfigError."""
    told: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise ConfigError(f"--search expects {FORMS}, got {word!r}.")
        name = name.strip().removeprefix("--")
        if name in told:
            raise ConfigError(f"{name} is searched twice: give one range or one list of choices.")
        told[name] = text.strip()
    return told


def _check_searchable(setting: Setting, long: str, experiment: Experiment) -> None:
    if setting.section == "run":
        raise ConfigError(
            f"{long} says how long and often trials run, not how they learn: it cannot be "
            f"searched. Set it as a flag."
        )
    levels = experiment.env.level_settings if isinstance(experiment.env, Environment) else ()
    if setting.section == "task" and setting.field not in levels:
        raise ConfigError(
            f"{long} changes what is tested, so scores could not be compared. Of the task only "
            f"{', '.join(levels) or 'nothing'} can be searched."
        )


def _parameter(name: str, told: Any, kind: Any) -> Range | Choice:
    if isinstance(told, list | tuple):
        return _choice(name, [str(option) for option in told], kind)
    if isinstance(told, Mapping):
        if unknown := told.keys() - {"low", "high", "log"}:
            raise ConfigError(f"--search {name}: expected low, high and log, got {min(unknown)!r}.")
        if not {"low", "high"} <= told.keys():
            raise ConfigError(f"--search {name}: expected both low and high.")
        return _range(name, (str(told["low"]), str(told["high"])), bool(told.get("log")), kind)
    text = str(told)
    if "|" in text:
        return _choice(name, text.split("|"), kind)
    log = text.startswith("log:")
    ends = text.removeprefix("log:").split(",")
    if len(ends) != 2:
        raise ConfigError(f"--search expects {FORMS}, got {name}={text}.")
    return _range(name, (ends[0], ends[1]), log, kind)


def _range(name: str, ends: tuple[str, str], log: bool, kind: Any) -> Range:
    if kind not in (int, float):
        raise ConfigError(f"--search {name}: it is {expectation(kind)}; give choices as a|b.")
    try:
        low, high = float(ends[0]), float(ends[1])
        exact = kind is float or (low.is_integer() and high.is_integer())
    except (ValueError, OverflowError):
        low, high, exact = math.nan, math.nan, False
    if not exact or not math.isfinite(low) or not math.isfinite(high):
        what = "two whole numbers" if kind is int else "two numbers"
        raise ConfigError(f"--search {name} expects {what} LOW,HIGH, got {','.join(ends)}.")
    if low >= high:
        raise ConfigError(f"--search {name}: LOW must be below HIGH, got {low:g},{high:g}.")
    if log and low <= 0:
        raise ConfigError(f"--search {name}: log needs LOW above 0, got {low:g}.")
    return Range(low, high, log, whole=kind is int)


def _choice(name: str, texts: Sequence[str], kind: Any) -> Choice:
    options = tuple(_read(name, text.strip(), kind) for text in texts)
    if len(set(options)) < 2 or len(set(options)) < len(options):
        raise ConfigError(
            f"--search {name} expects two or more different choices, got {'|'.join(texts)}."
        )
    return Choice(options)


def _read(name: str, text: str, kind: Any) -> Value:
    """The text of a choice as the setting takes it."""
    tried: list[Value] = [text]
    if text.lower() in ("true", "false"):
        tried.append(text.lower() == "true")
    for number in (int, float):
        try:
            tried.append(number(text))
        except ValueError:
            continue
    for value in tried:
        if get_origin(kind) is Literal and value not in get_args(kind):
            continue
        if fits(value, kind) and type(value) is not (int if kind is float else None):
            return value
    raise ConfigError(f"--search {name} must be {expectation(kind)}, got {text!r}.")
