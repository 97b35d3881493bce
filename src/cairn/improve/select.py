"""Which answers to learn from: kept ones, the best one, or pairs of a better and a worse.

All of it is masks and weights over groups (P, G): nothing is gathered, so shapes never change. An
answer whose reward is NaN is neither good nor bad: it is never chosen.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, UInt32

Pairing = Literal["best-worst", "all"]
"""One pair a prompt, or every answer with every worse one."""


def distinct(kept: Bool[Array, "P G"], canonical: UInt32[Array, "P G"]) -> Bool[Array, "P G"]:
    """Of those kept the first of each canonical form: the same solution written twice is one."""
    same = (canonical[:, :, None] == canonical[:, None, :]) & kept[:, None, :]
    place = jnp.arange(kept.shape[1], dtype=jnp.int32)
    earlier = same & (place[None, None, :] < place[None, :, None])
    return kept & ~jnp.any(earlier, axis=2)


def capped(kept: Bool[Array, "P G"], most: int) -> Bool[Array, "P G"]:
    """At most so many of each prompt, the first ones; 0: all."""
    if most == 0:
        return kept
    return kept & (jnp.cumsum(kept.astype(jnp.int32), axis=1) <= most)


def best(reward: Float[Array, "P G"]) -> Bool[Array, "P G"]:
    """The first of the highest reward in each group; nobody where none could be scored."""
    scored = ~jnp.isnan(reward)
    known = jnp.where(scored, reward, jnp.finfo(jnp.float32).min)
    first = jax.nn.one_hot(jnp.argmax(known, axis=1), reward.shape[1], dtype=jnp.bool_)
    return first & scored


def unequal(reward: Float[Array, "P G"]) -> Bool[Array, " P"]:
    """Whether a group's rewards differ: where they do not, every centred credit is 0.

    By the rewards themselves, not by their mean or a deviation that rounding makes positive
    (OpenRLHF pull request 1272).
    """
    scored = ~jnp.isnan(reward)
    high = jnp.max(jnp.where(scored, reward, -jnp.inf), axis=1)
    low = jnp.min(jnp.where(scored, reward, jnp.inf), axis=1)
    return high > low


def above_least(reward: Float[Array, "P G"]) -> Bool[Array, "P G"]:
    """Better than the worst of the group that could be scored: nobody where all are as good."""
    least = jnp.min(jnp.where(jnp.isnan(reward), jnp.inf, reward), axis=1, keepdims=True)
    return reward > least


def pairs(reward: Float[Array, "P G"], how: Pairing) -> Float[Array, "P G G"]:
    """Weights of the pairs (i better, j worse), which sum to 1 for each prompt that has any.

    Only a strictly higher reward is better, so no answer is paired with itself or its like.
    """
    scored = ~jnp.isnan(reward)
    known = jnp.where(scored, reward, 0.0)
    better = known[:, :, None] > known[:, None, :]
    there = better & scored[:, :, None] & scored[:, None, :]
    if how == "best-worst":
        worst = best(jnp.where(scored, -reward, jnp.nan))
        there = there & best(reward)[:, :, None] & worst[:, None, :]
    weight = there.astype(jnp.float32)
    total = jnp.sum(weight, axis=(1, 2), keepdims=True)
    return weight / jnp.maximum(total, 1.0)


def paired(pairs: Float[Array, "P G G"]) -> Bool[Array, "P G"]:
    """Which answers are in a pair at all, as the better one or the worse."""
    return jnp.any(pairs > 0, axis=1) | jnp.any(pairs > 0, axis=2)


def exponential(reward: Float[Array, "P G"], temperature: float) -> Float[Array, "P G"]:
    """Weights exp(r/τ), not normalised, 0 where there is no reward: reward-weighted regression,
    and RISE with τ = 0.4 (Qu et al. 2024, arXiv:2407.18219)."""
    scored = ~jnp.isnan(reward)
    return jnp.where(scored, jnp.exp(jnp.where(scored, reward, 0.0) / temperature), 0.0)
