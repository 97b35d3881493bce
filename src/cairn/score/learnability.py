"""Learnability: levels solved sometimes. Rutherford et al. 2024, arXiv:2408.15099."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core import checks
from cairn.core.returns import Number
from cairn.core.trace import Trace
from cairn.score.base import STUDENT, Reading, Score, Scored
from cairn.score.episodes import episode_statistics

UNKNOWN = 1.0 / 6.0
"""What one episode is taken to show: the mean of p (1 - p) if every p is as likely, whether it
failed or succeeded (E p²(1-p) / E p = E p(1-p)² / E (1-p) = 1/6). Between a level that is mastered
or hopeless (0) and one at the frontier (up to 1/4), so that a new level is looked at again."""
_TWO = 1.5
"""Effective episodes: one counts exactly 1, two in two visits (1 + d)² / (1 + d²) > 1.5 for
d > 0.27, so that rounding cannot take one for the other."""


class Attempts(NamedTuple):
    """Complete episodes of a level, each weighted by how long ago it was seen."""

    successes: Float[Array, "*shape"]
    """Σ w of the successful ones."""
    attempts: Float[Array, "*shape"]
    """Σ w."""
    squares: Float[Array, "*shape"]
    """Σ w²: attempts² / squares episodes of equal weight would tell as much."""


@dataclass(frozen=True)
class Learnability(Score):
    """Learnability: p (1 - p) of the success rate p, unbiased, pooled over a level's visits.

    Episode i, seen m_i visits ago, weighs w_i = d^m_i. With W = Σ w, Q = Σ w² and p̂ = Σ w x / W,

        E p̂ (1 - p̂) = p - p² - p (1 - p) Q / W² = p (1 - p) (1 - 1 / n),   n = W² / Q,

    so n/(n-1) p̂ (1 - p̂) is unbiased while p stays the same; with d = 1 or within one visit it is
    k/(k-1) p̂ (1 - p̂) of k episodes. Of a single episode no unbiased estimate exists: it scores
    `UNKNOWN`. Only episodes that end within a rollout are seen, and short ones more often: where
    success is quick, p̂ is high. γ and λ have no part in it.
    """

    remembered: float = 0.8
    """d in [0.5, 1], the weight left to earlier episodes at each further visit. Visits of one
    episode then count as (1 + d) / (1 - d) = 9 at most, about what SFL judges a level by, and a
    level mastered since has half its failures forgotten after three more visits."""

    reads: ClassVar[tuple[Reading, ...]] = ("solved",)

    def __post_init__(self) -> None:
        checks.between(self, 0.5, 1.0, "remembered")

    def unseen(self, *shape: int) -> Attempts:
        """No episode yet."""
        none = jnp.zeros(shape, jnp.float32)
        return Attempts(none, none, none)

    def merge(self, memory: Attempts, seen: Attempts) -> Attempts:
        """Weigh the past down by d, if anything was seen, and add."""
        d = jnp.where(seen.attempts > 0, self.remembered, 1.0)
        return Attempts(
            d * memory.successes + seen.successes,
            d * memory.attempts + seen.attempts,
            d * d * memory.squares + seen.squares,
        )

    @property
    def renew(self) -> Callable[[Attempts], Float[Array, "..."]]:
        """The estimate needs the pooled episodes alone."""
        return estimate

    def __call__(
        self, traces: Mapping[str, Trace], memory: Attempts, gamma: Number, lam: Number
    ) -> Scored:
        """Pool this rollout with what is remembered; valid from the first episode on."""
        episodes = episode_statistics(traces[STUDENT])
        count = episodes.finished.astype(jnp.float32)
        seen = Attempts(episodes.successes, count, count)
        pooled = self.merge(memory, seen)
        valid = episodes.finished > 0
        return Scored(jnp.where(valid, estimate(pooled), 0.0), valid, seen)


def estimate(pooled: Attempts) -> Float[Array, "*shape"]:
    """p (1 - p), without bias; `UNKNOWN` where there are not two episodes to judge by."""
    several = judged(pooled)
    n = pooled.attempts * pooled.attempts / jnp.where(several, pooled.squares, 1.0)
    n = jnp.where(several, n, 2.0)
    # Sums of one and the same may differ in the last bit, and a rate is never above 1.
    p = jnp.minimum(pooled.successes / jnp.where(several, pooled.attempts, 1.0), 1.0)
    return jnp.where(several, n / (n - 1.0) * p * (1.0 - p), UNKNOWN)


def judged(pooled: Attempts) -> Array:
    """Whether two episodes or more were pooled (bool)."""
    return pooled.attempts * pooled.attempts > _TWO * pooled.squares


LEARNABILITY = Learnability()
