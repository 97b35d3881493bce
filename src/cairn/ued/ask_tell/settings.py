"""Which curriculum `cairn.Teacher` is asked for, and what it has to be told."""

from collections.abc import Mapping, Set
from typing import Any

import numpy as np
from jaxtyping import Int

from cairn.core import sections
from cairn.core.errors import ConfigError, suggest
from cairn.envs.protocol import Space
from cairn.runs import catalogue
from cairn.score import Score
from cairn.score.told import Told
from cairn.ued import sfl
from cairn.ued.ask_tell.state import RULES, Design
from cairn.ued.config import CurationConfig

TRAINERS = ("steps_per_cycle", "scoring_steps")
"""Settings of the compiled methods that here are the trainer's matter."""
TOLD = "cairn.score.told:TOLD"
"""Where the score lies that is called `told` here."""
FIELD_OF = {"return": "returns", "solved": "solved", "value": "values"}
"""What a score reads of an episode, as it is told."""
OWN = (
    "Compute it in the trainer, make the Teacher with score='told' and tell it as `score`, one "
    "number a level."
)


def design_of(space: Any, method: str, settings: Mapping[str, Any]) -> Design:
    """The method bound to the space. Raises ConfigError for what does not go together."""
    if not isinstance(space, Space):
        raise ConfigError(
            f"space must be a cairn.Box, cairn.Finite, cairn.Product or another Space of cairn, "
            f"got {type(space).__name__}."
        )
    if method not in RULES:
        raise _not_here(method)
    for name in TRAINERS:
        if name in settings:
            raise ConfigError(
                f"{name} is no setting of a Teacher: the trainer plays, for as long as it likes."
            )
    kind = catalogue.method(method).sections["algorithm"]
    assert kind is not None
    wanted = {**settings, **({"score": TOLD} if settings.get("score") == "told" else {})}
    config = sections.change({"algorithm": kind()}, wanted)["algorithm"]
    scoring = _readable(config) if isinstance(config, CurationConfig) else None
    design = Design(space, RULES[method], config, scoring)
    if design.edits and not space.edits:
        raise ConfigError(
            f"{method} edits levels, but those of {type(space).__name__} have no neighbours: an "
            f"edit would be a new draw. Take robust-plr, or a space with small edits "
            f"(cairn.Finite(..., ordered=True))."
        )
    return design


def saved(design: Design) -> dict[str, Any]:
    """The settings, for `design_of`."""
    return {n: v for n, v in sections.values(design.config).items() if n not in TRAINERS}


def require(design: Design, told: Set[str]) -> None:
    """Raise ConfigError if something was not told without which the levels cannot be judged."""
    if isinstance(design.scoring, Told):
        wanted = {"score"}
    elif isinstance(design.config, sfl.Config):
        wanted = {"solved"}
    else:
        reads = () if design.scoring is None else design.scoring.reads
        wanted = {FIELD_OF[reading] for reading in reads}
    lacking = sorted(wanted - told)
    if lacking:
        meaning = {
            "returns": "the return of each finished episode",
            "solved": "whether each finished episode succeeded",
            "values": "the mean of the critic's values over each finished episode",
            "score": "how much there is to learn from each level",
        }
        least = ", ".join(f"`{name}` ({meaning[name]})" for name in lacking)
        other = " Or make the Teacher with score='learnability', which needs `solved` alone."
        hint = other if "values" in lacking else ""
        raise ConfigError(f"{_called(design)} has to be told {least}.{hint} Nothing was counted.")


def enough(design: Design, episodes: Int[np.ndarray, " candidates"]) -> None:
    """Raise ConfigError if candidates were all played once: SFL could judge none of them.

    One among others that is known from a single episode comes last, as in the compiled method.
    """
    if isinstance(design.config, sfl.Config) and episodes.max(initial=0) == 1:
        raise ConfigError(
            f"sfl judges a candidate by how often it is solved, which takes two finished episodes "
            f"or more, and none of {len(episodes)} has two. Play what may_learn says False of "
            f"several times (solved: ({len(episodes)}, episodes)). Nothing was counted."
        )


def _called(design: Design) -> str:
    """What the score, or the method where it has none of its own, is called."""
    if isinstance(design.config, sfl.Config):
        return "sfl"
    return "score 'told'" if design.config.scored_by == TOLD else f"{design.config.scored_by!r}"


def _readable(config: CurationConfig) -> Score:
    """The score, if it can be worked out from whole episodes."""
    score = config.scoring
    name = config.score
    if score.oracle:
        raise ConfigError(f"score {name!r} needs the best return of each level. {OWN}")
    if "steps" in score.reads:
        raise ConfigError(
            f"score {name!r} reads every step, and a Teacher is told whole episodes. {OWN}"
        )
    return score


def _not_here(method: str) -> ConfigError:
    names = ", ".join(RULES)
    if method in catalogue.METHODS:
        kind = catalogue.method(method).sections.get("algorithm")
        made = getattr(kind, "generators", ())
        why = "it is none of environment design"
        if "teacher" in made:
            why = "its levels are designed by a learner, who must see how they are played"
        elif made:
            why = "it needs the students' own steps"
        return ConfigError(f"A Teacher cannot be {method!r}: {why}. Expected one of {names}.")
    return ConfigError(
        f"Unknown method {method!r}. Expected one of {names}.{suggest(method, RULES)}"
    )
