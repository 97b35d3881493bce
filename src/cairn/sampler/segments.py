"""Batches put together from segments: new levels, replayed ones, mutated ones.

A `Segment` is levels with where they came from. Methods join them, play them in one
rollout, and slice off those that may not reach the learner's update.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, PyTree, UInt32

from cairn.archive import replay
from cairn.archive.replay import Inserted, Remembering, Replay, ReplayConfig
from cairn.core import trees
from cairn.envs.protocol import Level, Space
from cairn.score import Score, Scored

NEW, REPLAY, MUTATED = range(3)
SOURCES = ("new", "replay", "mutated")
"""Names of the codes above, for lineage files and metrics."""


class Segment(NamedTuple):
    """B levels to play, and what the archive has to know to keep them."""

    levels: Level
    """Every leaf (B, ...)."""
    ids: UInt32[Array, " B"]
    parents: UInt32[Array, " B"]
    has_parent: Bool[Array, " B"]
    generation: Int[Array, " B"]
    memory: PyTree[Array]
    """What the score remembers of each."""
    source: Int[Array, " B"]
    slots: Int[Array, " B"]
    """Where a replayed level stands in the archive; 0 for others."""

    @property
    def stored(self) -> Bool[Array, " B"]:
        """Which levels came out of the archive."""
        return self.source == REPLAY


def new(
    archive: Replay, space: Space, score: Score, key: Key[Array, ""], n: int
) -> tuple[Replay, Segment]:
    """`n` levels from the space's generator, with ids of their own."""
    return given(archive, jax.vmap(space.sample)(jax.random.split(key, n)), score)


def given(archive: Replay, levels: Level, score: Score) -> tuple[Replay, Segment]:
    """Levels that somebody made, every leaf (n, ...), with ids of their own."""
    n = jax.tree.leaves(levels)[0].shape[0]
    archive, ids = replay.new_ids(archive, n)
    none = jnp.zeros(n, jnp.int32)
    return archive, Segment(
        levels=levels,
        ids=ids,
        parents=jnp.zeros(n, jnp.uint32),
        has_parent=jnp.zeros(n, bool),
        generation=none,
        memory=score.unseen(n),
        source=none + NEW,
        slots=none,
    )


def replayed(
    archive: Replay, key: Key[Array, ""], n: int, config: ReplayConfig, when: Bool[Array, ""]
) -> tuple[Replay, Segment]:
    """`n` levels drawn from the archive; only `when` does the draw leave a mark on it."""
    drawn, slots = replay.sample(archive, key, n, config)
    kept = eqx.tree_at(
        lambda a: (a.stamps, a.clock),
        archive,
        (
            jnp.where(when, drawn.stamps, archive.stamps),
            jnp.where(when, drawn.clock, archive.clock),
        ),
    )
    take = lambda leaves: trees.take(leaves, slots)  # noqa: E731
    return kept, Segment(
        levels=take(archive.levels),
        ids=archive.ids[slots],
        parents=archive.parents[slots],
        has_parent=archive.has_parent[slots],
        generation=archive.generation[slots],
        memory=take(archive.memory),
        source=jnp.full(n, REPLAY, jnp.int32),
        slots=slots,
    )


def mutated(
    archive: Replay, space: Space, score: Score, parents: Segment, key: Key[Array, ""]
) -> tuple[Replay, Segment]:
    """One edited child of each of `parents`."""
    n = parents.ids.shape[0]
    archive, ids = replay.new_ids(archive, n)
    return archive, Segment(
        levels=jax.vmap(space.mutate)(jax.random.split(key, n), parents.levels),
        ids=ids,
        parents=parents.ids,
        has_parent=jnp.ones(n, bool),
        generation=parents.generation + 1,
        memory=score.unseen(n),
        source=jnp.full(n, MUTATED, jnp.int32),
        slots=jnp.zeros(n, jnp.int32),
    )


def either(condition: Bool[Array, ""], yes: Segment, no: Segment) -> Segment:
    """One of two batches of equal size. Cheaper than two branches that each play and learn."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def join(*batches: Segment) -> Segment:
    """Batches side by side."""
    return trees.concatenate(batches)


def columns(batch: Segment, start: int, stop: int) -> Segment:
    """Columns [start, stop) of a batch."""
    return jax.tree.map(lambda leaf: leaf[start:stop], batch)


def record(
    archive: Replay, batch: Segment, scored: Scored, config: ReplayConfig, score: Score
) -> tuple[Replay, Inserted]:
    """Write back what a rollout has shown: replayed levels get their score, others are offered."""
    stored, how = batch.stored, Remembering(score.merge, score.renew)
    archive = replay.update(
        archive, batch.slots, scored.score, scored.valid, scored.seen, stored, how
    )
    candidates = replay.Candidates(
        levels=batch.levels,
        ids=batch.ids,
        parents=batch.parents,
        has_parent=batch.has_parent,
        generation=batch.generation,
        scores=scored.score,
        valid=scored.valid & ~stored,
        seen=scored.seen,
    )
    return replay.insert(archive, candidates, config, how)
