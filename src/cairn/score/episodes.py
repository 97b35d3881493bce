"""Per-column facts about the complete episodes of a trace. Trailing parts are ignored."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from cairn.core.trace import Trace


class EpisodeStatistics(NamedTuple):
    """Facts about the complete episodes of each column; all 0 where none was `finished`."""

    finished: Int[Array, " B"]
    """Complete episodes, int32."""
    successes: Float[Array, " B"]
    """How many of them counted as success."""
    success_rate: Float[Array, " B"]
    mean_return: Float[Array, " B"]
    """Undiscounted."""
    best_return: Float[Array, " B"]
    """Undiscounted; may be negative."""
    mean_length: Float[Array, " B"]
    """Steps."""


class _Running(NamedTuple):
    """Sums over the episode under way, then over the episodes completed."""

    total: Float[Array, " B"]
    length: Float[Array, " B"]
    finished: Int[Array, " B"]
    sums: Float[Array, " B"]
    means: Float[Array, " B"]
    best: Float[Array, " B"]
    lengths: Float[Array, " B"]


def episode_statistics(trace: Trace) -> EpisodeStatistics:
    """Episodes finished, success rate, return and length, for each column."""
    end = _fold(trace.reward, trace.done)
    count = jnp.maximum(end.finished, 1).astype(jnp.float32)
    successes = (trace.solved & trace.done).sum(axis=0).astype(jnp.float32)
    return EpisodeStatistics(
        finished=end.finished,
        successes=successes,
        success_rate=successes / count,
        mean_return=end.sums / count,
        best_return=end.best,
        mean_length=end.lengths / count,
    )


def episode_means(
    metric: Float[Array, "T B"], done: Bool[Array, "T B"]
) -> tuple[Float[Array, " B"], Int[Array, " B"]]:
    """Mean over complete episodes of the mean over their steps, and how many there were.

    Every episode counts the same, however long: S = mean_e mean_{t∈e} m_t. 0 where there is none.
    """
    end = _fold(metric, done)
    return end.means / jnp.maximum(end.finished, 1).astype(jnp.float32), end.finished


def _fold(metric: Float[Array, "T B"], done: Bool[Array, "T B"]) -> _Running:
    # One pass, not differences of a cumulative sum: those lose digits of short late episodes.
    zero = jnp.zeros_like(metric[0])
    none = jnp.zeros(metric.shape[1], jnp.int32)

    def step(run: _Running, now: tuple[Array, Array]) -> tuple[_Running, None]:
        value, ends = now
        total, length = run.total + value, run.length + 1.0
        best = jnp.where(run.finished == 0, total, jnp.maximum(run.best, total))
        return _Running(
            total=jnp.where(ends, 0.0, total),
            length=jnp.where(ends, 0.0, length),
            finished=run.finished + ends.astype(jnp.int32),
            sums=run.sums + jnp.where(ends, total, 0.0),
            means=run.means + jnp.where(ends, total / length, 0.0),
            best=jnp.where(ends, best, run.best),
            lengths=run.lengths + jnp.where(ends, length, 0.0),
        ), None

    start = _Running(zero, zero, none, zero, zero, zero, zero)
    return jax.lax.scan(step, start, (metric, done), unroll=8)[0]
