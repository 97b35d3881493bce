"""What the parts of a method need of an environment, by what parts and environments declare.

A generator, a curator and a score go together wherever the environment has what each of them
needs. Nothing else decides: an experiment is refused by `check`, and the table of what goes with
what (`cairn.ued.mixing`) is read off the same declarations.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cairn.core.errors import ConfigError
from cairn.envs.belief import no_belief
from cairn.envs.oracle import knows, no_oracle
from cairn.envs.protocol import Environment
from cairn.score import catalogue as scores
from cairn.ued.config import CycleConfig

GENERATORS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "space": ("", "new levels, drawn from the environment's space"),
        "edits": ("edits", "small changes of levels that are kept"),
        "teacher": ("editor", "levels designed by a teacher who learns to"),
        "states": ("", "states of demonstrations or of kept episodes, as places to begin"),
    }
)
"""Where levels come from: what each needs, and a line about it."""
CURATORS: Mapping[str, str] = MappingProxyType(
    {
        "none": "levels are played once",
        "replay archive": "levels are kept with a score each and come back",
        "learnability buffer": "the most learnable of many, chosen anew now and then",
        "two archives": "a replay archive for each of two students, both filled by a teacher",
        "level-perfect archives": "an archive for each adversary, none seen by a later one",
    }
)
"""What becomes of levels, and a line about it."""


class Need(NamedTuple):
    """Something that environments have or lack."""

    about: str
    has: Callable[[Environment], bool]
    refusal: Callable[[Environment, CycleConfig], ConfigError]
    """The error where it lacks."""


def kind(thing: object) -> str:
    """What a person calls the class of it."""
    return type(thing).__name__


def no_editor(env: Environment) -> ConfigError:
    """The error where nobody can learn to design levels."""
    return ConfigError(
        f"This method's teacher designs levels, but {kind(env)} has no editor for it. "
        f"Give it one (`Environment.editor`), or choose another method."
    )


def _no_success(env: Environment, config: CycleConfig) -> ConfigError:
    instead = "a score that reads returns (maxmc, positive-value-loss)"
    if config.fixed_score:  # other scores cannot be had with it
        instead = "a method that goes by returns (plr" + (", accel)" if env.space.edits else ")")
    return ConfigError(
        f"score {config.scored_by!r} is about episodes that succeed or fail, but {kind(env)} "
        f"measures the {env.measure}. Choose {instead}, or set the environment's `measure` to "
        f"solve_rate and give it `solved`."
    )


def _no_edits(env: Environment, config: CycleConfig) -> ConfigError:
    return ConfigError(
        f"This method edits levels, but those of {kind(env)} have no neighbours: an edit "
        f"would be a new draw. Choose a method that only draws them (plr, robust-plr), or give "
        f"the environment a space whose `mutate` makes small changes."
    )


NEEDS: Mapping[str, Need] = MappingProxyType(
    {
        "success": Need(
            "episodes succeed or fail",
            lambda env: env.measure in ("solve_rate", "win_rate"),
            _no_success,
        ),
        "oracle": Need("the best return of a level is known", knows, lambda env, _: no_oracle(env)),
        "edits": Need("levels can be changed a little", lambda env: env.space.edits, _no_edits),
        "editor": Need(
            "a teacher can design its levels",
            lambda env: env.editor is not None,
            lambda env, _: no_editor(env),
        ),
        "belief": Need(
            "it is said what may be believed of its hidden states",
            lambda env: env.belief is not None,
            lambda env, _: no_belief(env),
        ),
    }
)
OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "deterministic": "the same actions always show the same",
        "demonstrations": "it can show how a level is solved, or the student shows it its own",
    }
)
"""Needs that a method's own check looks after, and a line about each."""


def needs(config: CycleConfig) -> tuple[str, ...]:
    """What these settings of a method need, in the order in which it is looked for."""
    found = [GENERATORS[name][0] for name in config.generators]
    if config.scored_by:
        score = scores.find(config.scored_by)
        found += ["oracle"] if score.oracle else []
        found += ["success"] if "solved" in score.reads else []
    return tuple(dict.fromkeys(name for name in (*found, *config.needs) if name))


def check(config: CycleConfig, env: Environment) -> None:
    """Raise ConfigError where `env` lacks something that is needed."""
    for name in needs(config):
        if name in NEEDS and not NEEDS[name].has(env):
            raise NEEDS[name].refusal(env, config)


def has(env: Environment) -> tuple[str, ...]:
    """The needs that `env` meets."""
    return tuple(name for name, need in NEEDS.items() if need.has(env))
