"""Where answers start from: the archive's mass goes where success is as likely as not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import replay
from cairn.improve import histories
from cairn.improve.exploratory import Config, distance
from cairn.improve.histories import Belief, Node, learnability

CYCLES, P, G = 60, 8, 4


def settled(curriculum):
    """The archive after scripted answers that succeed with the chance that is each problem."""
    config = Config(
        curriculum=curriculum, prompts=P, group=G, capacity=32, minimum_fill=0.25, inherited=2.0
    )
    nothing = Belief(jnp.zeros(()), jnp.zeros(()))
    first = replay.empty(Node(jnp.zeros(()), jnp.int32(0)), nothing, config.replay)

    def cycle(archive, key):
        draw, choose, luck, move = jax.random.split(key, 4)
        fresh = jax.random.uniform(draw, (P,))
        archive, starts = histories.choose(archive, config, fresh, choose)
        chance = starts.nodes.problem
        good = (jax.random.uniform(luck, (P, G)) < chance[:, None]).sum(axis=1).astype(jnp.float32)
        children = Node(jax.random.uniform(move, (P,)), starts.nodes.depth + 1)
        worth = jnp.ones(P, bool)
        seen = Belief(good, G - good)
        archive = histories.enter(archive, config, starts, seen, children, worth, 2.0)
        return archive, starts.stored.sum()

    keys = jax.random.split(jax.random.key(0), CYCLES)
    archive, stored = jax.lax.scan(cycle, first, keys)
    return archive, replay.probabilities(archive, config.replay), stored


@pytest.fixture(scope="module")
def archives():
    return {name: jax.device_get(jax.jit(settled, static_argnums=0)(name)) for name in
            ("learnability", "uniform")}  # fmt: skip


@pytest.mark.slow
def test_the_archives_mass_goes_to_success_as_likely_as_failure(archives):
    off = {}
    for name, (archive, mass, _) in archives.items():
        assert archive.count == 32 and np.isclose(mass.sum(), 1, atol=1e-4)
        off[name] = (mass * np.abs(archive.levels.problem - 0.5)).sum()
    assert off["learnability"] < 0.15 < off["uniform"]


@pytest.mark.slow
def test_nothing_comes_back_before_the_archive_is_warm_and_half_of_the_starts_after(archives):
    for _, _, stored in archives.values():
        assert stored[0] == 0 and (stored[4:] == P // 2).all()


@pytest.mark.slow
def test_children_are_deeper_than_their_parents_and_inherit_at_most_two_answers(archives):
    archive, _, _ = archives["learnability"]
    assert (archive.generation == archive.levels.depth).all()
    assert archive.has_parent[archive.levels.depth > 0].all()
    assert len(set(archive.ids.tolist())) == 32


def test_a_belief_is_worth_most_where_it_is_even_and_least_where_it_is_sure():
    worth = learnability(Belief(jnp.array([0.0, 4, 8, 40]), jnp.array([0.0, 4, 0, 0])))
    np.testing.assert_allclose(worth, [1 / 6, 25 / 110, 9 / 110, 41 / 42 / 43], atol=1e-6)


def test_visits_add_up_and_the_past_counts_less_only_when_something_was_seen():
    how = Config(remembered=0.5).remembering
    merged = how.merge(
        Belief(jnp.array([4.0, 4.0]), jnp.array([2.0, 2.0])),
        Belief(jnp.array([1.0, 0.0]), jnp.array([3.0, 0.0])),
    )
    assert merged.successes.tolist() == [3, 4] and merged.failures.tolist() == [4, 2]


def test_the_most_usual_answer_is_nearest_and_a_group_of_likes_has_no_distances():
    hidden = jnp.array([[[[0.0], [9.0]], [[0.0], [0.0]], [[3.0], [3.0]]], [[[1.0], [1.0]]] * 3])
    mask = jnp.array([[[True, False], [True, True], [True, True]], [[True, True]] * 3])
    found = distance(hidden, mask)
    np.testing.assert_allclose(found, [[0, 0, 1], [1, 1, 1]], atol=1e-6)
