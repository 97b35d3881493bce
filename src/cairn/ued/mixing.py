"""Which generator goes with which curator and score, in which environment.

The table is read off what methods, scores and environments declare (`cairn.ued.needs`) and off
each method's own check, by asking them; so a new method is in it, and it cannot say what an
experiment would not.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from cairn.core.errors import ConfigError
from cairn.envs import catalogue as environments
from cairn.envs.protocol import Environment
from cairn.runs import catalogue
from cairn.score import catalogue as scores
from cairn.ued import needs
from cairn.ued.config import CycleConfig

WING = "environment design"


class Row(NamedTuple):
    """A method with one of the scores that it can be asked for."""

    method: str
    generators: tuple[str, ...]
    """Names of `cairn.ued.needs.GENERATORS`."""
    curator: str
    """A name of `cairn.ued.needs.CURATORS`."""
    score: str
    """Empty where levels are not scored."""
    needs: tuple[str, ...]
    """What it needs of an environment, wherever it goes; of a score that cannot go with it at all,
    what the method needs with others."""
    refused: Mapping[str, str]
    """Environment to why it does not go there; one that is not in it is fine."""


def every_environment() -> dict[str, Environment]:
    """Those that cairn has itself, as they are by default."""
    return {name: kind() for name, kind in environments.ENVIRONMENTS.items()}


def table(envs: Mapping[str, Environment]) -> list[Row]:
    """Every method with every score, in these environments."""
    return [row for name in catalogue.WINGS[WING] for row in _rows(name, envs)]


def settings(method: str, score: str, env: Environment) -> dict[str, Any]:
    """Settings of `method` with nothing in the way of `score` but itself: long enough cycles."""
    wanted = {
        "score": score,
        "steps_per_cycle": max(256, env.max_steps),
        "scoring_steps": 2 * env.max_steps,
    }
    fields = {field.name for field in dataclasses.fields(_config(method)) if field.init}
    return {name: value for name, value in wanted.items() if name in fields}


def refusal(method: str, score: str, env: Environment) -> str | None:
    """Why `method` cannot be had with `score` in `env`, in the words of the error; else None."""
    try:
        config = _config(method)(**settings(method, score, env))
        needs.check(config, env)
        config.check(env)
    except ConfigError as error:
        return str(error)
    return None


def _rows(method: str, envs: Mapping[str, Environment]) -> Iterable[Row]:
    kind = _config(method)
    choices = tuple(scores.SCORES) if _chooses(kind) else (kind.fixed_score,)
    for score in choices:
        found = {name: refusal(method, score, env) for name, env in envs.items()}
        refused = {name: reason for name, reason in found.items() if reason is not None}
        asked = _needs(method, score, next(iter(envs.values())))
        yield Row(method, kind.generators, kind.curator, score, asked, refused)


def _needs(method: str, score: str, env: Environment) -> tuple[str, ...]:
    """What is needed with this score; `env` only makes the cycles long enough."""
    kind = _config(method)
    try:
        return needs.needs(kind(**settings(method, score, env)))
    except ConfigError:  # the score does not go with the method: there are no such settings
        generated = (needs.GENERATORS[name][0] for name in kind.generators)
        return tuple(dict.fromkeys(name for name in (*generated, *kind.needs) if name))


def _config(method: str) -> type[CycleConfig]:
    kind = catalogue.method(method).sections["algorithm"]
    assert kind is not None and issubclass(kind, CycleConfig), method
    return kind


def _chooses(kind: type[CycleConfig]) -> bool:
    """Whether the score is a setting."""
    return any(field.name == "score" for field in dataclasses.fields(kind))
