"""How far training moved a language model: from where it began, in certainty, length, revisions."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

Estimator = Literal["k1", "k2", "k3"]


def divergence(
    logp: Float[np.ndarray, "*batch T"],
    logp_start: Float[np.ndarray, "*batch T"],
    mask: Float[np.ndarray, "*batch T"],
    estimator: Estimator = "k3",
) -> Float[np.ndarray, "*batch"]:
    """KL of the model from the one it began as, summed over an answer, in nats.

    The answers must be samples of the model itself. With d = logp_start - logp: k1 = -d, without
    bias and noisy; k2 = d^2 / 2, biased; k3 = exp(d) - 1 - d, without bias and never negative.
    Source: Schulman 2020, joschu.net/blog/kl-approx.html.
    """
    d = np.where(mask > 0, logp_start - logp, 0)
    each = {"k1": -d, "k2": d**2 / 2, "k3": np.expm1(d) - d}[estimator]
    return np.asarray((each * mask).sum(-1))


def entropy(logits: Float[np.ndarray, "*batch V"]) -> Float[np.ndarray, "*batch"]:
    """Of the next symbol, in nats. A symbol of logit minus infinity is impossible and adds none."""
    logp = logits - np.logaddexp.reduce(logits, -1, keepdims=True)
    return np.asarray(-(np.exp(logp) * np.where(np.isneginf(logp), 0, logp)).sum(-1))


class Lengths(NamedTuple):
    """Of answers, in sampled tokens; None where there are none of a kind."""

    mean: float | None
    correct: float | None
    """Of correct answers."""
    wrong: float | None
    """Of wrong ones: what grows where a loss divides by length."""
    truncated: float | None
    """Share of answers that had no end of their own."""


def lengths(
    length: Int[np.ndarray, "*batch"],
    correct: Bool[np.ndarray, "*batch"],
    truncated: Bool[np.ndarray, "*batch"],
) -> Lengths:
    """How long answers are, by what they are worth."""
    mean = lambda part: float(part.mean()) if part.size else None  # noqa: E731
    kinds = mean(length), mean(length[correct]), mean(length[~correct])
    return Lengths(*kinds, mean(truncated.astype(np.float64)))


class Revisions(NamedTuple):
    """What D revisions made of P first attempts."""

    quality: Float[np.ndarray, " attempts"]
    """Mean, before any revision and after each."""
    corrected: Float[np.ndarray, " revisions"]
    """Share of prompts whose attempt became correct."""
    spoiled: Float[np.ndarray, " revisions"]
    """Share of prompts whose attempt was correct and is no more."""


def revisions(quality: Float[np.ndarray, "P attempts"]) -> Revisions:
    """By depth. An attempt is correct if its quality is 1."""
    correct = quality == 1
    before, after = correct[:, :-1], correct[:, 1:]
    return Revisions(quality.mean(0), (~before & after).mean(0), (before & ~after).mean(0))
