"""What methods that climb a policy's gradient share: a batch with credit, and its losses."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report, merged
from cairn.improve import credit, learning, objectives, parts, select
from cairn.improve.aggregate import Aggregation, weights
from cairn.improve.config import Config
from cairn.improve.learning import Loss
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


def improve(
    problem: Problem,
    config: Climb,
    state: State,
    played: Played,
    given: Float[Array, "P G"],
    loss: Loss[Batch],
    **changes: Any,
) -> tuple[State, Report]:
    """Learn from answers by the credit of each; `changes` of the state besides."""
    reference = None
    if config.kl:
        reference = learning.scores(state.start, played.rollouts, config.temperature).log_prob
    batch = Batch(played.rollouts, credit.per_token(given, played.mask), reference)
    state, report = learning.improve(problem, config, state, played, batch, loss, **changes)
    idle = 1.0 - jnp.mean(select.unequal(played.rollouts.reward).astype(jnp.float32))
    return state, merged(report, Report({"idle_groups": idle}))


def clipped(problem: Problem, config: Clip, how: Aggregation) -> Loss[Batch]:
    """The clipped loss, aggregated as `how` says."""

    def loss(student: Student, batch: Batch) -> tuple[Float[Array, ""], Metrics]:
        rollouts, mask = batch.rollouts, batch.rollouts.mask > 0
        found = learning.scores(student.model, rollouts, config.temperature)
        each = objectives.clipped(
            found.log_prob, rollouts.logp_b, batch.credit,
            low=config.clip_low, high=config.clip_high,
        )  # fmt: skip
        total, metrics = _summed(problem, config, how, batch, found, each.loss)
        cut = parts.masked_mean(each.clipped.astype(jnp.float32), mask)
        return total, metrics | {"clipped": cut}

    return loss


def plain(problem: Problem, config: Climb, how: Aggregation) -> Loss[Batch]:
    """-A log π, aggregated as `how` says: for one update a batch."""

    def loss(student: Student, batch: Batch) -> tuple[Float[Array, ""], Metrics]:
        found = learning.scores(student.model, batch.rollouts, config.temperature)
        each = objectives.reinforce(found.log_prob, batch.credit)
        return _summed(problem, config, how, batch, found, each)

    return loss


def _summed(
    problem: Problem,
    config: Climb,
    how: Aggregation,
    batch: Batch,
    found: learning.Scores,
    each: Float[Array, "P G T"],
) -> tuple[Float[Array, ""], Metrics]:
    mask = batch.rollouts.mask > 0
    if batch.reference is not None:
        each = each + config.kl * objectives.kl(found.log_prob, batch.reference, "k2")
    total = jnp.sum(weights(mask, how, problem.task.answer_length) * each)
    off = jnp.abs(found.log_prob - batch.rollouts.logp_b)
    return total, {
        "loss": total,
        "entropy": parts.masked_mean(found.entropy, mask),
        "mismatch": parts.masked_mean(off, mask),
    }


def once(config: Config) -> None:
    """Raise ConfigError unless there is one update a batch: the plain gradient is of no other."""
    if (config.epochs, config.minibatches) != (1, 1):
        raise ConfigError(
            f"epochs and minibatches must be 1, got {config.epochs} and {config.minibatches}: a "
            f"second update needs the ratio of a clipped loss (dr-grpo, ppo)."
        )
