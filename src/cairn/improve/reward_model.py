"""A model of rewards: a transformer with one number for its answer, read after every token.

It learns what became of answers (Cobbe et al. 2021, arXiv:2110.14168: every prefix is labelled with
the end of its answer), or which of two to one prompt was better (Bradley & Terry 1952), or whether
each step of an answer is right (Uesato et al. 2022, arXiv:2211.14275; segments of their own:
Wu et al. 2023, arXiv:2306.01693).
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from cairn.core.rollouts import Rollouts
from cairn.improve import pair_losses, select, steps
from cairn.nn.language.choice import chosen
from cairn.nn.language.transformer import Transformer

Loss = Literal["outcome", "bradley-terry", "segments"]
"""What it may learn from: what became of each answer, or which of two was better, or of every step
whether it is right."""


class RewardModel(NamedTuple):
    """A model and a linear reading of it, and of how likely it finds the answer so far."""

    model: Transformer
    weight: Float[Array, " D"]
    bias: Float[Array, ""]
    likelihood: Float[Array, ""]
    """What the log-probability of the answer so far counts, 1 to begin with. What a model of few
    layers thought of a token before it was said cannot be read behind it: two layers that began
    without this told right sums from wrong ones at chance after 400 updates (AUROC 0.49 to 0.58
    over five seeds), with it at 0.69 after 40."""


class TrainState(NamedTuple):
    """A model of rewards while it learns, and Adam's moments of it."""

    params: RewardModel
    moments: PyTree


def begun(model: Transformer) -> RewardModel:
    """One that starts from a model, and thinks best what that finds likeliest."""
    copied = jax.tree.map(jnp.copy, model)
    return RewardModel(copied, jnp.zeros(model.norm.shape[0]), jnp.zeros(()), jnp.ones(()))


def trained(model: RewardModel) -> Bool[Array, ""]:
    """Whether it has ever learned anything: its reading of what is hidden begins as nothing."""
    return jnp.any(model.weight != 0)


def readings(model: RewardModel, rollouts: Rollouts) -> Float[Array, "P G T"]:
    """The logit after each token has been read, the last one too."""
    # A model reads up to the token before the last: one more, which nobody reads.
    tokens = jnp.pad(rollouts.tok, ((0, 0), (0, 0), (0, 1)))
    hidden = model.model.grouped(rollouts.prompt, rollouts.prompt_len, tokens)
    log_probs = jax.nn.log_softmax(model.model.logits(hidden[:, :, :-1]))
    so_far = jnp.cumsum(chosen(log_probs, rollouts.tok) * rollouts.mask, axis=-1)
    return hidden[:, :, 1:] @ model.weight + model.bias + model.likelihood * so_far


def last(values: Float[Array, "P G T"], rollouts: Rollouts) -> Float[Array, "P G"]:
    """The value at an answer's last token; 0 of an answer without any."""
    place = jax.lax.broadcasted_iota(jnp.int32, values.shape, 2)
    end = jnp.max(jnp.where(rollouts.mask > 0, place, -1), axis=-1, keepdims=True)
    return jnp.sum(jnp.where(place == end, values, 0.0), axis=-1)


def reward(model: RewardModel, rollouts: Rollouts) -> Float[Array, "P G"]:
    """What is thought of a whole answer: a logit, for Bradley-Terry a score without a zero."""
    return last(readings(model, rollouts), rollouts)


def cross_entropy(
    logit: Float[Array, "*b"], label: Bool[Array, "*b"], weight: Float[Array, "*b"]
) -> Float[Array, ""]:
    """-log of what was given to the truth, weighted mean."""
    loss = -jax.nn.log_sigmoid(jnp.where(label, logit, -logit))
    return jnp.sum(weight * loss) / jnp.maximum(jnp.sum(weight), 1e-8)


def outcome(
    model: RewardModel, rollouts: Rollouts, correct: Bool[Array, "P G"]
) -> Float[Array, ""]:
    """The loss of every prefix against what became of the answer."""
    logit = readings(model, rollouts)
    label = jnp.broadcast_to(correct[:, :, None], logit.shape)
    return cross_entropy(logit, label, rollouts.mask)


def segments(
    model: RewardModel, rollouts: Rollouts, right: Bool[Array, "P G T"]
) -> Float[Array, ""]:
    """The loss at the end of every step against whether nothing was wrong up to there."""
    at = steps.ends(rollouts.seg, rollouts.length.astype(jnp.int32))
    return cross_entropy(readings(model, rollouts), right, at.astype(jnp.float32))


def comparison(
    model: RewardModel, rollouts: Rollouts, quality: Float[Array, "P G"]
) -> Float[Array, ""]:
    """The loss of all pairs of a better and a worse answer to one prompt."""
    score = last(readings(model, rollouts), rollouts)
    pairs = select.pairs(quality, "all")
    there = jnp.maximum(jnp.sum(pairs), 1.0)
    return jnp.sum(pairs * pair_losses.bradley_terry(score)) / there


def held(how: Loss, rollouts: Rollouts, quality: Float[Array, "P G"]) -> Bool[Array, "P G T"]:
    """The tokens that have a weight in one of these losses: a comparison is of whole answers."""
    live = rollouts.mask > 0
    match how:
        case "outcome":
            return live
        case "segments":
            return steps.ends(rollouts.seg, rollouts.length.astype(jnp.int32))
        case "bradley-terry":
            return live & select.paired(select.pairs(quality, "all"))[:, :, None]


def ranked(
    score: Float[Array, "*b"], label: Bool[Array, "*b"], there: Bool[Array, "*b"]
) -> Float[Array, ""]:
    """Area under the ROC curve: the chance that a right one scores above a wrong one, ties a half.

    ½ where there are none of either.
    """
    value, good = score.reshape(-1), label.reshape(-1) & there.reshape(-1)
    bad = ~label.reshape(-1) & there.reshape(-1)
    order = jnp.sort(jnp.where(bad, value, jnp.inf))
    below = jnp.searchsorted(order, value, side="left").astype(jnp.float32)
    upto = jnp.searchsorted(order, value, side="right").astype(jnp.float32)
    wins = jnp.sum(jnp.where(good, 0.5 * (below + upto), 0.0))
    pairs = jnp.sum(good.astype(jnp.float32)) * jnp.sum(bad.astype(jnp.float32))
    return jnp.where(pairs > 0, wins / jnp.maximum(pairs, 1.0), 0.5)
