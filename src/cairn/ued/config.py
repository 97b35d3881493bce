"""Settings that the methods of this wing share."""

from dataclasses import dataclass
from typing import ClassVar

from cairn.archive.replay import ReplayConfig
from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.envs.protocol import Environment
from cairn.score import STUDENT, Score
from cairn.score import catalogue as scores

COUNTS = ("training", "scoring", "mutation", "evaluation", "updates")
"""What the methods with one student count."""


@dataclass(frozen=True)
class CycleConfig:
    """What every method needs to know about a cycle."""

    batch: int = 32
    """B, levels played side by side in one segment."""
    steps_per_cycle: int = 256
    """T, environment steps of each column in one rollout."""

    counts: ClassVar[tuple[str, ...]] = COUNTS
    """What the ledger counts. The budget is on those of `cairn.core.ledger.SPENT`."""

    generators: ClassVar[tuple[str, ...]] = ("space",)
    """Where levels come from: names of `cairn.ued.needs.GENERATORS`."""
    curator: ClassVar[str] = "none"
    """What becomes of levels: a name of `cairn.ued.needs.CURATORS`."""
    fixed_score: ClassVar[str] = ""
    """The score that the method is made for, where it is no setting."""
    needs: ClassVar[tuple[str, ...]] = ()
    """What it needs of an environment beside what generators and score say."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "batch", "steps_per_cycle")

    def check(self, env: Environment) -> None:
        """Raise ConfigError if the method cannot work on `env`."""

    def least(self, env: Environment) -> int:
        """Environment steps of a cycle, or of the cheapest where they differ."""
        return self.batch * self.steps_per_cycle

    @property
    def scored_by(self) -> str:
        """The name of the score of its levels; empty where there is none."""
        return getattr(self, "score", self.fixed_score)

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of the rollouts of this method, or divisors of them."""
        return (self.batch,)


@dataclass(frozen=True)
class CurationConfig(CycleConfig, ReplayConfig):
    """What every method with a replay archive needs to know."""

    score: str = "maxmc"
    """How much there is to learn from a level: a name (`cairn list` describes them), or your own
    as package.module:Name."""
    replay_probability: float = 0.8
    """Chance of a cycle to replay, once the archive is warm. JaxUED 0.8, minimax and DCD 0.5."""

    curator: ClassVar[str] = "replay archive"
    roles: ClassVar[tuple[str, ...]] = (STUDENT,)
    """Who plays the levels that are scored."""

    def __post_init__(self) -> None:
        CycleConfig.__post_init__(self)
        ReplayConfig.__post_init__(self)
        checks.share(self, "replay_probability")
        lacking = [role for role in self.scoring.roles if role not in self.roles]
        if lacking:
            raise ConfigError(
                f"score {self.score!r} compares {' and '.join(self.scoring.roles)}, but here only "
                f"the {' and '.join(self.roles)}'s own play is scored. Choose another score, or a "
                f"method that has the {' and '.join(lacking)} too."
            )

    @property
    def scoring(self) -> Score:
        """The score called `score`."""
        return scores.find(self.score)

    def check(self, env: Environment) -> None:
        """Episodes must end within a cycle."""
        check_episodes_end(self, env)


def check_episodes_end(config: CycleConfig, env: Environment) -> None:
    """Raise ConfigError unless episodes end within a cycle: what is cut off cannot be scored, so
    that unsolved levels, whose episodes are the longest, would never count."""
    if env.max_steps > config.steps_per_cycle:
        raise ConfigError(
            f"steps_per_cycle must be at least the time limit of {env.max_steps} steps, got "
            f"{config.steps_per_cycle}: an episode that a cycle cuts off cannot be scored. Set "
            f"steps_per_cycle to {env.max_steps}, or the environment's limit to "
            f"{config.steps_per_cycle}."
        )
