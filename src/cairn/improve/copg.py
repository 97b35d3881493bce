"""CoPG: a policy's gradient that needs no ratio, whoever sampled the answers.

Flet-Berliac et al. 2024, arXiv:2406.19185: answers of a group are contrasted by their reward less
β log(π / π_ref), with the policy as it is now; the optimum is π_ref e^(r/β), whatever the samples
were of. Of the current policy's own samples it is RLOO with the KL in the reward.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core import checks
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report
from cairn.improve import learning, pair_losses, pairs, parts
from cairn.improve.method import method
from cairn.improve.parts import Metrics, Problem, State, Student


@dataclass(frozen=True)
class Config(pairs.Behave):
    """CoPG."""

    beta: float = 0.1
    """How dear it is to leave the reference."""

    def __post_init__(self) -> None:
        pairs.Behave.__post_init__(self)
        checks.positive(self, "beta")


class Batch(NamedTuple):
    """Answers and what the reference thinks of each."""

    rollouts: Rollouts
    reference: Float[Array, "P G"]


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Groups of anybody's answers; -mean (leave-one-out R) s, R = r - β (s - s_ref)."""
    played = pairs.play(problem, config, state)
    reference = pair_losses.total(
        learning.scores(state.start, played.rollouts).log_prob, played.mask
    )

    def loss(student: Student, batch: Batch) -> tuple[Float[Array, ""], Metrics]:
        live = batch.rollouts.mask > 0
        found = learning.scores(student.model, batch.rollouts)
        own = pair_losses.total(found.log_prob, live)
        reward = batch.rollouts.reward
        given = pair_losses.copg_credit(own, batch.reference, reward, beta=config.beta)
        value = -jnp.mean(given * own)
        squares = pair_losses.copg(own, batch.reference, reward, beta=config.beta)
        entropy = parts.masked_mean(found.entropy, live)
        return value, {"loss": squares, "entropy": entropy}

    batch = Batch(played.rollouts, reference)
    held = played.mask & ~jnp.isnan(played.rollouts.reward)[:, :, None]
    return learning.improve(problem, config, state, played, batch, loss, held=held)


METHOD = method(__doc__, Config, step)
