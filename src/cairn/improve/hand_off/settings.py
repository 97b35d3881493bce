"""What a source of prompts gives, and which settings of `exit` are its own."""

from typing import Any, NamedTuple

from cairn.core.errors import ConfigError
from cairn.improve.exploratory import Config
from cairn.improve.hand_off.wording import Message


class Asked(NamedTuple):
    """One prompt that was asked for."""

    id: int
    """Its own, for `tell`."""
    prompt: str | list[Message]
    depth: int
    """How many answers lie before it: 0 for a problem itself."""
    solved: float
    """The chance of success that is expected there; 1/2 where nobody has been."""


ABOUT = (
    "curriculum", "replays", "capacity", "minimum_fill", "prioritisation", "replay_temperature",
    "staleness", "remembered", "deepest", "diverge", "inherited", "problems", "reward", "skip",
    "candidates", "again", "group",
)  # fmt: skip
"""Settings of `exit` that choose prompts; the others are about learning, the trainer's matter.
`group`, the answers to each prompt, says with `skip` which groups will have no variance."""


def config_of(batch: int, settings: dict[str, Any]) -> Config:
    """The settings of a source. Raises ConfigError for what is not its matter."""
    if strange := sorted(set(settings) - set(ABOUT)):
        raise ConfigError(
            f"Unknown setting {strange[0]!r} of a source of prompts. Expected one of "
            f"{', '.join(ABOUT)}; how to sample and to learn is the trainer's matter."
        )
    config = Config(prompts=batch, **settings)
    if config.reward not in ("correct", "quality"):
        raise ConfigError(f"reward must be correct or quality, got {config.reward!r}.")
    return config
