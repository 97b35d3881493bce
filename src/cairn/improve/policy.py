"""What methods that climb a policy's gradient share: a batch with credit, and its losses."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report, merged
from cairn.improve import credit, learning, objectives, select
from cairn.improve.aggregate import Aggregation, weights
from cairn.improve.config import Config
from cairn.improve.gradients import Summed
from cairn.improve.parts import Metrics, Played, Problem, State, Student


@dataclass(frozen=True)
class Climb(Config):
    """What every method of policy gradients needs to know."""

    kl: float = 0.0
    """Weight of the divergence from the start, k2 of every token (whose gradient is the KL's)."""


@dataclass(frozen=True)
class Clip(Climb):
    """With the clipped loss."""

    clip_low: float = 0.2
    """How far below 1 a ratio still has a gradient."""
    clip_high: float = 0.2
    """How far above."""

    def __post_init__(self) -> None:
        Climb.__post_init__(self)
        checks.positive(self, "clip_low", "clip_high")


class Batch(NamedTuple):
    """Answers with credit for every token."""

    rollouts: Rollouts
    credit: Float[Array, "P G T"]
    reference: Float[Array, "P G T"] | None
    """log π of the start, if the loss holds on to it."""


class Shares(NamedTuple):
    """How much each token counts."""

    loss: Float[Array, "P G T"]
    """In the loss."""
    mean: Float[Array, "P G T"]
    """In a mean over tokens."""


def improve(
    problem: Problem,
    config: Climb,
    state: State,
    played: Played,
    given: Float[Array, "P G"],
    loss: Summed,
    **changes: Any,
) -> tuple[State, Report]:
    """Learn from answers by the credit of each; `changes` of the state besides."""
    reference = None
    if config.kl:
        reference = learning.scores(state.start, played.rollouts, config.temperature).log_prob
    batch = Batch(played.rollouts, credit.per_token(given, played.mask), reference)
    state, report = learning.improve(
        problem, config, state, played, batch, loss, held=played.mask, **changes
    )
    idle = 1.0 - jnp.mean(select.unequal(played.rollouts.reward).astype(jnp.float32))
    return state, merged(report, Report({"idle_groups": idle}))


def clipped(problem: Problem, config: Clip, how: Aggregation) -> Summed:
    """The clipped loss, aggregated as `how` says."""

    def loss(student: Student, some: tuple[Batch, Shares]) -> tuple[Float[Array, ""], Metrics]:
        batch, shares = some
        rollouts = batch.rollouts
        found = learning.scores(student.model, rollouts, config.temperature)
        each = objectives.clipped(
            found.log_prob, rollouts.logp_b, batch.credit,
            low=config.clip_low, high=config.clip_high,
        )  # fmt: skip
        total, metrics = _told(config, batch, shares, found, each.loss)
        return total, metrics | {"clipped": jnp.sum(jnp.where(each.clipped, shares.mean, 0.0))}

    return Summed(_shares(problem, how), loss)


def plain(problem: Problem, config: Climb, how: Aggregation) -> Summed:
    """-A log π, aggregated as `how` says: for one update a batch."""

    def loss(student: Student, some: tuple[Batch, Shares]) -> tuple[Float[Array, ""], Metrics]:
        batch, shares = some
        found = learning.scores(student.model, batch.rollouts, config.temperature)
        each = objectives.reinforce(found.log_prob, batch.credit)
        return _told(config, batch, shares, found, each)

    return Summed(_shares(problem, how), loss)


def _shares(problem: Problem, how: Aggregation) -> Callable[[Batch], Shares]:
    def of(batch: Batch) -> Shares:
        mask, limit = batch.rollouts.mask > 0, problem.task.answer_length
        return Shares(weights(mask, how, limit), weights(mask, "token-mean", limit))

    return of


def _told(
    config: Climb,
    batch: Batch,
    shares: Shares,
    found: learning.Scores,
    each: Float[Array, "P G T"],
) -> tuple[Float[Array, ""], Metrics]:
    if batch.reference is not None:
        each = each + config.kl * objectives.kl(found.log_prob, batch.reference, "k2")
    total = jnp.sum(shares.loss * each)
    off = jnp.abs(found.log_prob - batch.rollouts.logp_b)
    return total, {
        "loss": total,
        "entropy": jnp.sum(shares.mean * found.entropy),
        "mismatch": jnp.sum(shares.mean * off),
    }


def once(config: Config) -> None:
    """Raise ConfigError unless there is one update a batch: the plain gradient is of no other."""
    if (config.epochs, config.minibatches) != (1, 1):
        raise ConfigError(
            f"epochs and minibatches must be 1, got {config.epochs} and {config.minibatches}: a "
            f"second update needs the ratio of a clipped loss (dr-grpo, ppo)."
        )
