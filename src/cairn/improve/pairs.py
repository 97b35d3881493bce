"""What methods that learn from comparisons share: answers in groups, pairs of better and worse."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report, merged
from cairn.improve import learning, pair_losses, parts, select
from cairn.improve.config import Config
from cairn.improve.parts import Metrics, Played, Problem, State, Student
from cairn.improve.select import Pairing


@dataclass(frozen=True)
class Behave(Config):
    """Whose answers are learned from."""

    behaviour: Literal["current", "start"] = "current"
    """Whose answers are compared: those of the model as it is (online), or of the model it started
    from (offline: a set of data that does not change with what is learned)."""
    recorded: int = 0
    """Batches of answers there are offline, which come again in turn; 0: without end."""

    def __post_init__(self) -> None:
        Config.__post_init__(self)
        checks.at_least(self, 0, "recorded")
        if self.recorded and self.behaviour == "current":
            raise ConfigError(
                f"recorded must be 0 with behaviour = current, got {self.recorded}: answers of a "
                f"model that changes are never the same twice (--behaviour start)."
            )


@dataclass(frozen=True)
class Compare(Behave):
    """What every method of pairs needs to know."""

    pairing: Pairing = "all"
    """One pair a prompt, best and worst, or all of a better and a worse answer."""


class Batch(NamedTuple):
    """Answers, pairs of them, and what the reference thinks of each."""

    rollouts: Rollouts
    pairs: Float[Array, "P G G"]
    reference: Float[Array, "P G"]


Score = Callable[[Float[Array, "P G T"], Array], Float[Array, "P G"]]
Of = Callable[[Float[Array, "P G"], Float[Array, "P G"]], Float[Array, "P G G"]]


def play(problem: Problem, config: Behave, state: State) -> Played:
    """Answers of the model, or of the one it started from: perhaps the same ones once more."""
    if config.behaviour == "current":
        return parts.play(problem, config, state)
    return parts.play(problem, config, recording(config, state), state.start)


def recording(config: Behave, state: State) -> State:
    """The state whose cycle is the one that the batch to be seen now was recorded in.

    Keys go by the cycle, so an earlier cycle's are its problems and answers again.
    """
    if not config.recorded:
        return state
    batch = (state.cycle - config.before) % config.recorded
    return eqx.tree_at(lambda s: s.cycle, state, config.before + batch)


def step(
    problem: Problem, config: Compare, state: State, score: Score, loss_of: Of
) -> tuple[State, Report]:
    """Sample groups; pair better with worse; the loss `loss_of(scores, reference's scores)`.

    `score` makes one number of an answer's tokens: their sum or their mean.
    """
    played = play(problem, config, state)
    rollouts, mask = played.rollouts, played.mask
    pairs = select.pairs(rollouts.reward, config.pairing)
    reference = score(learning.scores(state.start, rollouts).log_prob, mask)

    def loss(student: Student, batch: Batch) -> tuple[Float[Array, ""], Metrics]:
        found = learning.scores(student.model, batch.rollouts)
        live = batch.rollouts.mask > 0
        own = score(found.log_prob, live)
        each = loss_of(own, batch.reference)
        total = jnp.maximum(jnp.sum(batch.pairs), 1.0)
        mean = lambda values: jnp.sum(batch.pairs * values) / total  # noqa: E731
        gap = own - batch.reference
        margin = gap[:, :, None] - gap[:, None, :]
        value = mean(each)
        return value, {
            "loss": value,
            "margin": mean(margin),
            "preferred": mean(jnp.broadcast_to(own[:, :, None], margin.shape)),
            "entropy": parts.masked_mean(found.entropy, live),
        }

    batch = Batch(rollouts, pairs, reference)
    held = mask & select.paired(pairs)[:, :, None]
    state, report = learning.improve(problem, config, state, played, batch, loss, held=held)
    paired = jnp.mean(jnp.any(held, axis=(1, 2)).astype(jnp.float32))
    return state, merged(report, Report({"paired": paired}))


SUM: Score = pair_losses.total
MEAN: Score = pair_losses.mean
