"""What every score takes and returns."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cairn.score.episodes import EpisodeStatistics

_UNSET = float(np.finfo(np.float32).min)


class Memory(NamedTuple):
    """What an archive remembers of a level between visits. It may be merged by maximum."""

    best_return: Float[Array, " B"]
    """Highest undiscounted return of a complete episode, by any policy. The lowest finite
    float32 where not `seen`, so that a maximum with it changes nothing: returns may be < 0."""
    seen: Bool[Array, " B"]
    """Whether any episode was ever completed."""


class Scored(NamedTuple):
    """A score per column."""

    score: Float[Array, " B"]
    """0 where not `valid`."""
    valid: Bool[Array, " B"]
    """False: the rollout does not tell. Neither insert nor overwrite."""
    memory: Memory


def unseen(*shape: int) -> Memory:
    """The memory of `shape` levels never played; `unseen()` is the archive's example."""
    return Memory(jnp.full(shape, _UNSET, jnp.float32), jnp.zeros(shape, bool))


def remember(memory: Memory, episodes: EpisodeStatistics) -> Memory:
    """Memory after the complete episodes of one more rollout. Never forgets."""
    before = jnp.where(memory.seen, memory.best_return, _UNSET)
    now = jnp.where(episodes.finished > 0, episodes.best_return, _UNSET)
    return Memory(jnp.maximum(before, now), memory.seen | (episodes.finished > 0))
