"""A memory of levels: the best return ever reached. It never forgets."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cairn.score.episodes import EpisodeStatistics

_UNSET = float(np.finfo(np.float32).min)


class BestReturn(NamedTuple):
    """The best return of each level; merged by maximum."""

    best_return: Float[Array, "*shape"]
    """Highest undiscounted return of a complete episode, by any policy. The lowest finite
    float32 where not `seen`, so that a maximum with it changes nothing: returns may be < 0."""
    seen: Bool[Array, "*shape"]
    """Whether any episode was ever completed."""


def unseen(*shape: int) -> BestReturn:
    """The memory of `shape` levels never played."""
    return BestReturn(jnp.full(shape, _UNSET, jnp.float32), jnp.zeros(shape, bool))


def best_of(episodes: EpisodeStatistics) -> BestReturn:
    """What the complete episodes of one rollout show."""
    finished = episodes.finished > 0
    return BestReturn(jnp.where(finished, episodes.best_return, _UNSET), finished)


def best_ever(memory: BestReturn, seen: BestReturn) -> Float[Array, " B"]:
    """The best return so far, this rollout included; a memory not `seen` counts for nothing."""
    return jnp.maximum(jnp.where(memory.seen, memory.best_return, _UNSET), seen.best_return)
