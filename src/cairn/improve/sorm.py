"""Stepwise ORM: whether a beginning can still be brought to a right end.

Havrilla et al. 2024 (GLoRe), arXiv:2402.10963, §3.2. A beginning is good if any of K new ways to go
on from it ends right: that approximates the best that can be reached, not what the policy reaches
on average, so that it falls at the first error and no sooner. Labels are monotone: what comes
before a good beginning is good, what comes after a bad one is bad. The policy stays as it is.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from cairn.core import checks
from cairn.engine.program import Report
from cairn.envs.tokens.protocol import Prompt, TokenTask
from cairn.improve import drafts, learning, orm, parts, reward_model, reward_training, steps
from cairn.improve.config import Config as Shared
from cairn.improve.method import method
from cairn.improve.parts import Played, Problem, State
from cairn.improve.reward_model import RewardModel


@dataclass(frozen=True)
class Config(Shared):
    """Stepwise ORM. Its step size is `reward_model_learning_rate`."""

    tries: int = 8
    """K, ways to go on from a beginning; the better the policy, the fewer there should be."""

    trains_reward_model: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Shared.__post_init__(self)
        checks.at_least(self, 1, "tries")

    def longest(self, task: TokenTask) -> int:
        """With a beginning, behind which a whole answer may come."""
        return Shared.longest(self, task) + task.answer_length


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample; cut each answer after some step, and see whether anybody gets it right from there."""
    trainee = orm.begun(config, state)
    played = parts.play(problem, config, state)
    cut = cuts(played, jax.random.uniform(parts.key_for(state, "cuts"), played.correct.shape))
    G, flat = config.group, lambda leaf: leaf.reshape(-1, *leaf.shape[2:])
    each = jax.tree.map(lambda leaf: jnp.repeat(leaf, G, axis=0), played.problems)
    prompt = Prompt(
        jnp.repeat(played.rollouts.prompt, G, axis=0), jnp.repeat(played.rollouts.prompt_len, G)
    )
    _, _, correct, spent = drafts.go_on(
        problem, config, state.student.model, each, prompt, flat(played.rollouts.tok), flat(cut),
        parts.key_for(state, "ways"), config.tries,
    )  # fmt: skip
    good = jnp.any(correct, axis=1).reshape(played.correct.shape)
    label, there = labels(played, cut, good)
    weight = drafts.balanced(label, there)

    def loss(student: RewardModel) -> Float[Array, ""]:
        return reward_model.cross_entropy(
            reward_model.readings(student, played.rollouts), label, weight
        )

    trainee, value = reward_training.descended(config, trainee, loss)
    played = played._replace(spent=played.spent + spent)
    epochs = config.reward_model_epochs
    ledger = learning.spend(state.ledger, played, there, passes=epochs, updates=epochs)
    share = jnp.mean(good.astype(jnp.float32))
    told = Report(parts.figures(played) | {"reward_model_loss": value, "recoverable": share})
    return parts.after(state, ledger=ledger, reward_model=trainee), told


def cuts(played: Played, luck: Float[Array, "P G"]) -> Int[Array, "P G"]:
    """How many tokens of each answer are kept: whole steps, up to some token drawn by `luck`."""
    length = played.rollouts.length
    drawn = (luck * length).astype(jnp.int32)[..., None]
    ends = steps.ends(played.rollouts.seg, length.astype(jnp.int32))
    place = jax.lax.broadcasted_iota(jnp.int32, ends.shape, 2)
    return steps.first(ends & (place >= drawn)) + 1


def labels(
    played: Played, cut: Int[Array, "P G"], good: Bool[Array, "P G"]
) -> tuple[Bool[Array, "P G T"], Bool[Array, "P G T"]]:
    """Whether each beginning is good, and where that is known, from what is known at one cut.

    A correct answer shows it of all of its beginnings, the end of a wrong one that it is bad there.
    """
    mask = played.mask
    place = jax.lax.broadcasted_iota(jnp.int32, mask.shape, 2)
    last = place == jnp.sum(mask.astype(jnp.int32), axis=-1, keepdims=True) - 1
    good, right = good[..., None], played.correct[..., None]
    before, behind = place < cut[..., None], place >= cut[..., None] - 1
    # A cut at the very end is no beginning: what became of the answer is known.
    good = good & (jnp.sum(mask.astype(jnp.int32), axis=-1, keepdims=True) > cut[..., None])
    label = right | (good & before)
    return label, mask & (right | last | jnp.where(good, before, behind))


METHOD = method(__doc__, Config, step, test=orm.test)
