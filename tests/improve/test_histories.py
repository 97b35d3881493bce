"""Where answers start from: the archive's mass goes where success is as likely as not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import house
from cairn.archive import replay
from cairn.core.errors import ConfigError
from cairn.improve import histories, pairs, parts, skipping
from cairn.improve.exploratory import Config, distance, refreshed
from cairn.improve.histories import Belief, Node, learnability
from cairn.improve.method import bind
from cairn.runs.presets import experiment

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
        archive, events = histories.enter(archive, config, starts, seen, children, worth, 2.0)
        return archive, (starts.stored.sum(), events)

    keys = jax.random.split(jax.random.key(0), CYCLES)
    archive, (stored, events) = jax.lax.scan(cycle, first, keys)
    return archive, replay.probabilities(archive, config.replay), stored, events


@pytest.fixture(scope="module")
def archives():
    return {name: jax.device_get(jax.jit(settled, static_argnums=0)(name)) for name in
            ("learnability", "uniform")}  # fmt: skip


@pytest.mark.slow
def test_the_archives_mass_goes_to_success_as_likely_as_failure(archives):
    off = {}
    for name, (archive, mass, _, _) in archives.items():
        assert archive.count == 32 and np.isclose(mass.sum(), 1, atol=1e-4)
        off[name] = (mass * np.abs(archive.levels.problem - 0.5)).sum()
    assert off["learnability"] < 0.15 < off["uniform"]


@pytest.mark.slow
def test_nothing_comes_back_before_the_archive_is_warm_and_half_of_the_starts_after(archives):
    for _, _, stored, _ in archives.values():
        assert stored[0] == 0 and (stored[4:] == P // 2).all()


@pytest.mark.slow
def test_children_are_deeper_than_their_parents_and_inherit_at_most_two_answers(archives):
    archive, _, _, events = archives["learnability"]
    assert (archive.generation == archive.levels.depth).all()
    assert archive.has_parent[archive.levels.depth > 0].all()
    assert len(set(archive.ids.tolist())) == 32
    told = dict(
        zip(events.ids[events.entered].tolist(), events.generation[events.entered], strict=True)
    )
    assert {*archive.ids.tolist()} <= set(told), "whatever is in it has once entered"
    children = events.entered & events.has_parent
    assert children.any() and (events.source == events.has_parent).all()
    for parent, depth in zip(
        events.parents[children].tolist(), events.generation[children], strict=True
    ):
        assert told.get(parent, depth - 1) == depth - 1, "a parent need not have entered itself"


def test_a_belief_is_worth_most_where_it_is_even_and_least_where_it_is_sure():
    worth = learnability(Belief(jnp.array([0.0, 4, 8, 40]), jnp.array([0.0, 4, 0, 0])))
    np.testing.assert_allclose(worth, [1 / 6, 25 / 110, 9 / 110, 41 / 42 / 43], atol=1e-6)


def test_a_group_without_variance_is_foreseen_by_belief():
    seen = Belief(jnp.array([0.0, 8, 0, 4]), jnp.array([0.0, 0, 8, 4]))
    many = 40320 * 362880 / 355687428096000  # 8! 9! / 17!
    even = 2 * (12 * 11 * 10 * 9 * 8 * 7 * 6 * 5) / (17 * 16 * 15 * 14 * 13 * 12 * 11 * 10)
    expected = [2 / 9, 9 / 17 + many, 9 / 17 + many, even]
    np.testing.assert_allclose(skipping.idle(seen, 8), expected, rtol=1e-5)


@pytest.mark.slow
def test_problems_whose_answers_will_all_be_alike_are_passed_over_and_no_others():
    # One of four problems has always been solved, and is never looked at again.
    few = {"prompts": 16, "problems": 4, "group": 8, "steps": 1000}
    skips = {"skip": 0.5, "again": 0.0, "candidates": 3, "capacity": 8}
    made = experiment("addition", method="exit", **house.settings("exit", "addition") | few | skips)
    problem, config = bind(made.setup(None))

    @jax.jit
    def posed(key):
        state = made.program.init(key)
        known = parts.draw(problem, config, state, 1, "known")
        archive, starts = histories.choose(
            histories.empty(problem, config), config, parts.draw(problem, config, state, 16, "all"),
            key,
        )  # fmt: skip
        starts = starts._replace(nodes=starts.nodes._replace(
            problem=jax.tree.map(lambda leaf: jnp.repeat(leaf, 16, axis=0), known)
        ))  # fmt: skip
        seen = Belief(jnp.full(16, 8.0), jnp.zeros(16))
        archive, _ = histories.enter(
            archive, config, starts, seen, starts.nodes, jnp.zeros(16, bool), 2.0
        )
        others = parts.draw(problem, config, state, 48, "problems")
        return known, others, *skipping.pose(problem, config, state, archive), archive.count

    known, others, found, passed, held = jax.device_get(posed(jax.random.key(3)))
    name = lambda sums: [str(digits) for digits in sums.digits.tolist()]  # noqa: E731
    hopeless, drawn = name(known)[0], np.array(name(others)).reshape(3, 16)
    first = [next((t for t in range(3) if drawn[t, p] != hopeless), 2) for p in range(16)]
    assert held == 1 and passed.tolist() == first and max(first) > 0
    assert name(found) == [drawn[t, p] for p, t in enumerate(first)]


@pytest.mark.slow
def test_a_run_that_mends_attempts_writes_down_where_each_came_from():
    chosen = house.settings("exit", "repair") | {"nodes": 4, "edges": 4, "reward": "quality"}
    program = experiment("repair", method="exit", **chosen).program
    state = jax.eval_shape(program.init, jax.random.key(0))
    after, report = jax.eval_shape(program.step, state)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    (events,) = report.events
    assert program.lineage.sources == ("new", "reached") and events.ids.shape == (8,)
    rows = jax.tree.map(lambda leaf: ((8, *leaf.shape), leaf.dtype), program.lineage.level)
    entered = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), events.levels)
    assert rows == entered


def test_the_reference_moves_when_it_is_time_and_only_then():
    config = Config(refresh=3, refresh_kept=0.25, kl=0.1, sft_steps=2)
    old, new = {"w": jnp.array([4.0])}, {"w": jnp.array([8.0])}
    moved = [refreshed(config, jnp.int32(cycle), old, new)["w"].item() for cycle in range(3, 9)]
    assert moved == [4, 4, 7, 4, 4, 7]
    assert refreshed(Config(), jnp.int32(3), old, new) is old
    with pytest.raises(ConfigError, match="refresh must be 0 without kl, got 3"):
        Config(refresh=3)


@pytest.mark.slow
def test_recorded_answers_come_again_in_turn_and_how_far_they_are_off_is_no_mistake():
    chosen = house.settings("rloo", "addition") | {"behaviour": "start", "recorded": 3}
    made = experiment("addition", method="rloo", **chosen | {"sft_steps": 2})
    _, config = bind(made.setup(None))
    state = jax.eval_shape(made.program.init, jax.random.key(0))
    states = [eqx.tree_at(lambda s: s.cycle, state, jnp.int32(cycle)) for cycle in range(2, 9)]
    cycles = [int(pairs.recording(config, state).cycle) for state in states]
    assert cycles == [2, 3, 4, 2, 3, 4, 2]
    _, report = jax.eval_shape(made.program.step, state)
    assert "off_policy" in report.metrics and "mismatch" not in report.metrics
    with pytest.raises(ConfigError, match="recorded must be 0 with behaviour = current, got 3"):
        experiment("addition", method="rloo", recorded=3)


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
