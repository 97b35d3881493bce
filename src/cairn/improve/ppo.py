"""PPO with a value head: what every token is worth is learned beside the policy.

Schulman et al. 2017, arXiv:1707.06347; for language Ziegler et al. 2019, arXiv:1909.08593: each
token pays -β log(π / π_ref), the last one gets the score on top; generalised advantages, whitened.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from cairn.core import checks
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report
from cairn.improve import credit, learning, objectives, parts, policy
from cairn.improve.aggregate import weights
from cairn.improve.method import method
from cairn.improve.parts import Metrics, Problem, State, Student


@dataclass(frozen=True)
class Config(policy.Clip):
    """PPO with a value head."""

    epochs: int = 2
    """Passes over what one cycle sampled."""
    minibatches: int = 2
    """Updates of one pass."""
    gae_lambda: float = 0.95
    """How far advantages look ahead; there is no discount."""
    value_weight: float = 0.1
    """Of the value's loss."""
    value_clip: float = 0.2
    """How far a value may move in one cycle before it has no gradient."""

    def __post_init__(self) -> None:
        policy.Clip.__post_init__(self)
        checks.share(self, "gae_lambda")
        checks.not_negative(self, "value_weight")
        checks.positive(self, "value_clip")


class Head(NamedTuple):
    """A linear reading of what the model's own head reads."""

    weight: Float[Array, " D"]
    bias: Float[Array, ""]

    def __call__(self, hidden: Float[Array, "P G T D"]) -> Float[Array, "P G T"]:
        """The value before each token."""
        return hidden @ self.weight + self.bias


class Batch(NamedTuple):
    """Answers with what each token is worth."""

    rollouts: Rollouts
    credit: Float[Array, "P G T"]
    value: Float[Array, "P G T"]
    returns: Float[Array, "P G T"]


def head(problem: Problem, config: Config, key: Key[Array, ""]) -> Head:
    """Nothing is worth anything yet."""
    return Head(jnp.zeros(problem.shape.width), jnp.zeros(()))


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample; credit by the value head; the clipped losses of policy and value."""
    played = parts.play(problem, config, state)
    rollouts, mask = played.rollouts, played.mask
    found = learning.scores(state.student.model, rollouts, config.temperature)
    value = jnp.where(mask, state.student.head(found.hidden), 0.0)
    paid = credit.at_last(rollouts.reward, mask) if played.paid is None else played.paid
    if config.kl:
        reference = learning.scores(state.start, rollouts, config.temperature).log_prob
        paid = paid - config.kl * objectives.kl(rollouts.logp_b, reference, "k1")
    # Who cannot be scored has no return to learn from.
    mask = mask & ~jnp.isnan(rollouts.reward)[:, :, None]
    gained = credit.gae(jnp.where(mask, paid, 0.0), value, mask, lam=config.gae_lambda)
    rollouts = rollouts._replace(mask=mask.astype(jnp.float32))
    batch = Batch(rollouts, credit.whitened(gained, mask), value, gained + value)
    return learning.improve(
        problem, config, state, played, batch, _loss(problem, config), held=mask
    )


def _loss(problem: Problem, config: Config) -> learning.Loss[Batch]:
    def loss(student: Student, batch: Batch) -> tuple[Float[Array, ""], Metrics]:
        rollouts, mask = batch.rollouts, batch.rollouts.mask > 0
        found = learning.scores(student.model, rollouts, config.temperature)
        acted = objectives.clipped(
            found.log_prob, rollouts.logp_b, batch.credit,
            low=config.clip_low, high=config.clip_high,
        )  # fmt: skip
        errors = objectives.value(
            student.head(found.hidden), batch.value, batch.returns, clip=config.value_clip
        )
        share = weights(mask, "token-mean", problem.task.answer_length)
        off = jnp.abs(found.log_prob - rollouts.logp_b)
        policy_loss, value_loss = jnp.sum(share * acted.loss), jnp.sum(share * errors)
        return policy_loss + config.value_weight * value_loss, {
            "loss": policy_loss,
            "value_loss": value_loss,
            "entropy": parts.masked_mean(found.entropy, mask),
            "mismatch": parts.masked_mean(off, mask),
            "clipped": parts.masked_mean(acted.clipped.astype(jnp.float32), mask),
        }

    return loss


METHOD = method(__doc__, Config, step, head=head)
