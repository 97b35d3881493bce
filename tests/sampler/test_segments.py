"""Batches from segments, and what they leave in the archive."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import replay
from cairn.archive.replay import ReplayConfig
from cairn.envs.protocol import Space
from cairn.sampler import segments
from cairn.sampler.segments import MUTATED, NEW, REPLAY
from cairn.score import BestReturn, Scored, unseen
from cairn.score.learnability import LEARNABILITY, Attempts
from cairn.score.regret import MAXMC

N = 3
CONFIG = ReplayConfig(capacity=6, staleness=0.5)


class Points(Space):
    """A level is a number; a child is a hundredth above its parent."""

    def sample(self, key):
        return jax.random.uniform(key)

    def mutate(self, key, level):
        return level + jnp.float32(0.01)


def score_of(*scores, valid=(True,) * N, best=(0.0,) * N) -> Scored:
    memory = BestReturn(jnp.array(best, jnp.float32), jnp.ones(N, bool))
    return Scored(jnp.array(scores, jnp.float32), jnp.array(valid), memory)


@pytest.fixture(scope="module")
def filled():
    """Three new levels with scores 1, 2, 3, in slots 0, 1, 2."""
    archive = replay.empty(jnp.float32(0), unseen(), CONFIG)
    archive, batch = segments.new(archive, Points(), MAXMC, jax.random.key(0), N)
    archive, _ = segments.record(
        archive, batch, score_of(1, 2, 3, best=(0.5, 0.6, 0.7)), CONFIG, MAXMC
    )
    return archive, batch


@pytest.mark.slow
def test_new_levels_have_ids_of_their_own_and_no_past(filled):
    archive, batch = filled
    archive, more = segments.new(archive, Points(), MAXMC, jax.random.key(1), N)
    assert batch.ids.tolist() == [0, 1, 2] and more.ids.tolist() == [3, 4, 5]
    assert not more.has_parent.any() and not more.generation.any() and not more.memory.seen.any()
    assert more.source.tolist() == [NEW] * N and not more.stored.any()
    assert len(np.unique(np.concatenate([batch.levels, more.levels]))) == 2 * N


@pytest.mark.slow
def test_a_replayed_batch_is_what_the_slots_hold(filled):
    archive, _ = filled
    after, batch = segments.replayed(archive, jax.random.key(2), N, CONFIG, jnp.array(True))
    assert batch.stored.all() and batch.source.tolist() == [REPLAY] * N
    np.testing.assert_array_equal(batch.levels, archive.levels[batch.slots])
    np.testing.assert_array_equal(batch.ids, archive.ids[batch.slots])
    np.testing.assert_array_equal(batch.memory.best_return, archive.memory.best_return[batch.slots])
    assert int(after.clock) == int(archive.clock) + N


def test_a_draw_that_is_not_used_leaves_no_mark(filled):
    archive, _ = filled
    after, _ = segments.replayed(archive, jax.random.key(2), N, CONFIG, jnp.array(False))
    assert eqx.tree_equal(after, archive)


def test_every_parent_is_edited_not_only_the_first(filled):
    archive, parents = filled
    after, children = segments.mutated(archive, Points(), MAXMC, parents, jax.random.key(3))
    np.testing.assert_allclose(children.levels, parents.levels + 0.01, rtol=1e-6)
    assert children.parents.tolist() == parents.ids.tolist() and children.has_parent.all()
    assert children.generation.tolist() == [1] * N and children.source.tolist() == [MUTATED] * N
    assert children.ids.tolist() == [3, 4, 5] and int(after.next_id) == 6
    assert not children.memory.seen.any()
    _, grandchildren = segments.mutated(after, Points(), MAXMC, children, jax.random.key(4))
    assert grandchildren.generation.tolist() == [2] * N


@pytest.mark.slow
def test_replayed_levels_are_rescored_and_others_offered(filled):
    archive, _ = filled
    archive, old = segments.replayed(archive, jax.random.key(2), N, CONFIG, jnp.array(True))
    archive, new = segments.new(archive, Points(), MAXMC, jax.random.key(5), N)
    both = segments.join(new, old)
    twice = lambda leaf: jnp.concatenate([leaf, leaf])  # noqa: E731
    scored = jax.tree.map(twice, score_of(7, 8, 9, valid=(True, False, True)))
    after, inserted = segments.record(archive, both, scored, CONFIG, MAXMC)
    # The second new level could not be scored: it stays out. No replayed level enters again.
    assert inserted.entered.tolist() == [True, False, True, False, False, False]
    assert int(after.count) == 5
    assert after.scores[3:5].tolist() == [7, 9]
    assert after.ids[:5].tolist() == [0, 1, 2, int(new.ids[0]), int(new.ids[2])]
    wanted = archive.scores.tolist()
    for slot, score in zip(old.slots.tolist(), (7, None, 9), strict=True):
        wanted[slot] = score if score is not None else wanted[slot]
    assert after.scores[:3].tolist() == wanted[:3]


def test_a_replayed_level_keeps_its_best_return(filled):
    archive, _ = filled
    archive, old = segments.replayed(archive, jax.random.key(2), N, CONFIG, jnp.array(True))
    after, _ = segments.record(archive, old, score_of(1, 1, 1, best=(0.1, 0.1, 0.1)), CONFIG, MAXMC)
    np.testing.assert_array_equal(after.memory.best_return, archive.memory.best_return)


def test_join_columns_and_either_keep_rows_together(filled):
    archive, first = filled
    _, second = segments.mutated(archive, Points(), MAXMC, first, jax.random.key(6))
    both = segments.join(first, second)
    assert eqx.tree_equal(segments.columns(both, 0, N), first)
    assert eqx.tree_equal(segments.columns(both, N, 2 * N), second)
    for condition, wanted in ((True, first), (False, second)):
        assert eqx.tree_equal(segments.either(jnp.array(condition), first, second), wanted)


def test_a_score_that_its_memory_tells_is_pooled_over_all_columns_of_a_level():
    """Three columns of one level, one episode each, and an equal level offered as new."""
    archive = replay.empty(jnp.float32(0), LEARNABILITY.unseen(), CONFIG)
    archive, batch = segments.new(archive, Points(), LEARNABILITY, jax.random.key(0), N)
    column = lambda solved: Attempts(jnp.array(solved), jnp.ones(N), jnp.ones(N))  # noqa: E731
    whole = jnp.ones(N, bool)
    first = column([1.0, 1.0, 1.0])
    unknown = Scored(jnp.full(N, 1 / 6), whole, first)
    archive, _ = segments.record(archive, batch, unknown, CONFIG, LEARNABILITY)
    one = jnp.zeros(N, jnp.int32)
    again = batch._replace(source=one + REPLAY, slots=one)
    visit = column([0.0, 1.0, 0.0])
    replayed = Scored(jnp.zeros(N), whole, visit)  # whatever each column alone may say
    pooled = jax.tree.map(lambda leaf: leaf[0], first)
    for b in range(N):
        pooled = LEARNABILITY.merge(pooled, jax.tree.map(lambda leaf, b=b: leaf[b], visit))
    after, _ = segments.record(archive, again, replayed, CONFIG, LEARNABILITY)
    np.testing.assert_allclose(after.scores[0], LEARNABILITY.renew(pooled), rtol=1e-6)
    np.testing.assert_allclose(after.memory.attempts[:N], [1 + 0.8 + 0.64 + 0.512, 1, 1], rtol=1e-6)
    twin = again._replace(source=one + NEW, levels=jnp.broadcast_to(batch.levels[:1], (N,)))
    found, inserted = segments.record(archive, twin, replayed, CONFIG, LEARNABILITY)
    assert inserted.duplicate.all()
    np.testing.assert_allclose(found.scores[0], after.scores[0], rtol=1e-6)
