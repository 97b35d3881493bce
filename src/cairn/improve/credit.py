"""Credit: how much better an answer was than what could be expected of its prompt.

Rewards are (P, G): P prompts with a group of G answers each. NaN means that an answer cannot be
scored: it counts in no mean, and its credit is 0. With mean μ and deviation σ of the group, G_s of
whose answers could be scored:

    centred         r - μ                       Dr. GRPO (Liu et al. 2025, arXiv:2503.20783)
    standardised    (r - μ) / (σ + ε)           GRPO (Shao et al. 2024, arXiv:2402.03300)
    leave-one-out   r - mean of the others      RLOO (Ahmadian et al. 2024, arXiv:2402.14740)
    max-likelihood  (r - μ) / μ, 0 if μ <= 0    MaxRL (arXiv:2602.02710)
    batch-scaled    (r - μ) / (σ_batch + ε)     TRL's scale_rewards="batch"
    best-of-group   r_max - r_2nd for the best  verl's grpo_passk
    none            r                           REINFORCE without a baseline
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Credit = Literal[
    "centred", "standardised", "leave-one-out", "max-likelihood", "batch-scaled",
    "best-of-group", "none",
]  # fmt: skip
"""The estimators there are."""
CREDITS: tuple[Credit, ...] = get_args(Credit)
EPSILON = 1e-4
"""Added to a deviation, as in TRL; verl adds 1e-6."""

Rewards = Float[Array, "P G"]


def advantages(reward: Rewards, how: Credit, *, ddof: int = 1, epsilon: float = EPSILON) -> Rewards:
    """The credit of every answer. A group with one answer that can be scored has none to give,
    but for `none`."""
    scored = ~jnp.isnan(reward)
    reward = jnp.where(scored, reward, 0.0)
    count = jnp.sum(scored.astype(jnp.float32), axis=1, keepdims=True)
    mean = jnp.sum(reward, axis=1, keepdims=True) / jnp.maximum(count, 1.0)
    centred = jnp.where(scored, reward - mean, 0.0)
    match how:
        case "none":
            return reward
        case "centred":
            return centred
        case "standardised":
            variance = jnp.sum(centred**2, axis=1, keepdims=True) / jnp.maximum(count - ddof, 1.0)
            return centred / (jnp.sqrt(variance) + epsilon)
        case "leave-one-out":
            return centred * count / jnp.maximum(count - 1.0, 1.0)
        case "max-likelihood":
            return jnp.where(mean > 0, centred / jnp.where(mean > 0, mean, 1.0), 0.0)
        case "batch-scaled":
            total = jnp.sum(count)
            off = jnp.where(scored, reward - jnp.sum(reward) / jnp.maximum(total, 1.0), 0.0)
            deviation = jnp.sqrt(jnp.sum(off**2) / jnp.maximum(total - ddof, 1.0))
            return centred / (deviation + epsilon)
        case "best-of-group":
            return _best(reward, scored)


def _best(reward: Rewards, scored: Bool[Array, "P G"]) -> Rewards:
    least = jnp.finfo(jnp.float32).min
    known = jnp.where(scored, reward, least)
    if reward.shape[1] < 2:
        return jnp.zeros_like(reward)
    top, _ = jax.lax.top_k(known, 2)
    lead = jnp.where(top[:, 1] > least, top[:, 0] - top[:, 1], 0.0)
    first = jnp.argmax(known, axis=1)
    return lead[:, None] * jax.nn.one_hot(first, reward.shape[1], dtype=jnp.float32)


def spread(reward: Rewards) -> Float[Array, " P"]:
    """The unbiased variance of a group's rewards: G/(G-1) of the plain one, so that groups of
    different size compare. For 0 and 1 it estimates p (1 - p), how much there is to learn."""
    scored = ~jnp.isnan(reward)
    count = jnp.sum(scored.astype(jnp.float32), axis=1)
    known = jnp.where(scored, reward, 0.0)
    mean = jnp.sum(known, axis=1) / jnp.maximum(count, 1.0)
    off = jnp.where(scored, known - mean[:, None], 0.0)
    return jnp.sum(off**2, axis=1) / jnp.maximum(count - 1.0, 1.0)


def per_token(credit: Rewards, mask: Bool[Array, "P G T"]) -> Float[Array, "P G T"]:
    """The same credit for every token of an answer."""
    return jnp.where(mask, credit[:, :, None], 0.0)


def gae(
    reward: Float[Array, "*batch T"],
    value: Float[Array, "*batch T"],
    mask: Bool[Array, "*batch T"],
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
) -> Float[Array, "*batch T"]:
    """Generalised advantages: A_t = δ_t + γλ A_{t+1}, δ_t = r_t + γ V_{t+1} - V_t; after the last
    token V and A are 0. Schulman et al. 2015, arXiv:1506.02438, equations 11 to 16.

    Masked tokens are no steps: what comes after one is what comes next.
    """
    value = jnp.where(mask, value, 0.0)

    def back(later: tuple[Array, Array], now: tuple[Array, Array, Array]) -> tuple:
        ahead, worth = later
        r, v, live = now
        advantage = r + gamma * worth - v + gamma * lam * ahead
        kept = jnp.where(live, advantage, ahead), jnp.where(live, v, worth)
        return kept, jnp.where(live, advantage, 0.0)

    steps = jnp.moveaxis(reward, -1, 0), jnp.moveaxis(value, -1, 0), jnp.moveaxis(mask, -1, 0)
    none = jnp.zeros(mask.shape[:-1], jnp.float32)
    _, found = jax.lax.scan(back, (none, none), steps, reverse=True)
    return jnp.moveaxis(found, 0, -1)


def whitened(
    credit: Float[Array, "*batch T"], mask: Bool[Array, "*batch T"]
) -> Float[Array, "*batch T"]:
    """Mean 0 and deviation 1 over all tokens that count; 0 elsewhere."""
    counts = mask.astype(jnp.float32)
    total = jnp.maximum(jnp.sum(counts), 1.0)
    off = jnp.where(mask, credit - jnp.sum(credit * counts) / total, 0.0)
    return off / (jnp.sqrt(jnp.sum(off**2) / total) + 1e-8)


def at_last(score: Rewards, mask: Bool[Array, "P G T"]) -> Float[Array, "P G T"]:
    """A score as a reward on the last sampled token, never on padding behind it."""
    place = jax.lax.broadcasted_iota(jnp.int32, mask.shape, mask.ndim - 1)
    last = jnp.max(jnp.where(mask, place, -1), axis=-1, keepdims=True)
    return jnp.where(place == last, jnp.nan_to_num(score, nan=0.0)[..., None], 0.0)
