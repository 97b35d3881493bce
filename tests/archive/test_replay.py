"""The archive against an oracle that goes one level at a time, and against closed forms."""

import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import replay
from cairn.archive.replay import MAXIMUM, Candidates, Remembering, ReplayConfig
from cairn.core.errors import ConfigError
from cairn.score import BestReturn, unseen

sys.path.insert(0, str(Path(__file__).parent))
from replay_oracle import Oracle

K, B = 7, 5
LEVEL = (jnp.zeros((2,), bool), jnp.zeros((), jnp.int32))
# Few values: ties, duplicates, negative and unusable scores are the rule.
SCORES = np.array([-2.0, -0.5, -0.0, 0.0, 0.25, 0.25, 1.0, 3.0, np.nan, -np.inf], np.float32)
CONFIGS = {
    "rank": ReplayConfig(K),
    "rank, no staleness": ReplayConfig(K, staleness=0.0, temperature=1.0),
    "staleness alone": ReplayConfig(K, staleness=1.0),
    "proportional": ReplayConfig(K, "proportional", temperature=0.5),
    "proportional, no staleness": ReplayConfig(K, "proportional", staleness=0.0, temperature=1.0),
    "topk": ReplayConfig(K, "topk", topk=3),
}

# A memory that fades: halves are exact, so that plain float32 arithmetic gives the same bits.
fade = lambda a, b: BestReturn(0.5 * a.best_return + b.best_return, a.seen | b.seen)  # noqa: E731
faded = lambda a, b: (np.float32(0.5) * a[0] + b[0], a[1] or b[1])  # noqa: E731
MEMORIES = {
    "maximum": (MAXIMUM, {}),
    "fading": (Remembering(fade), {"merge": faded}),
    "fading and telling the score": (
        Remembering(fade, lambda memory: memory.best_return),
        {"merge": faded, "renew": lambda memory: float(memory[0]) + 0.0},
    ),
}

insert = jax.jit(replay.insert, static_argnames=("config", "how"))
draws = jax.jit(replay.draws, static_argnames="config")
update = jax.jit(replay.update, static_argnames="how")
probabilities = jax.jit(replay.probabilities, static_argnames="config")


def archive_of(config: ReplayConfig) -> replay.Replay:
    return replay.empty(LEVEL, unseen(), config)


def candidates(levels, scores, *, ids=None, valid=None, memory=None) -> Candidates:
    """Levels are numbers; their leaves hold the digits."""
    n = len(levels)
    number = jnp.asarray(levels, jnp.int32)
    return Candidates(
        levels=(jnp.stack([number % 2 == 1, number // 2 % 2 == 1], axis=1), number // 4),
        ids=jnp.arange(n, dtype=jnp.uint32) if ids is None else jnp.asarray(ids, jnp.uint32),
        parents=jnp.arange(n, dtype=jnp.uint32) + jnp.uint32(100),
        has_parent=jnp.asarray([i % 2 == 1 for i in range(n)]),
        generation=jnp.arange(n, dtype=jnp.int32),
        scores=jnp.asarray(scores, jnp.float32),
        valid=jnp.ones(n, bool) if valid is None else jnp.asarray(valid),
        seen=unseen(n) if memory is None else memory,
    )


def numbers(levels) -> list[int]:
    bits, rest = (np.asarray(leaf) for leaf in levels)
    return (bits[:, 0] + 2 * bits[:, 1] + 4 * rest).tolist()


def assert_same(archive: replay.Replay, oracle: Oracle, config: ReplayConfig) -> None:
    n = len(oracle.slots)
    assert int(archive.count) == n and int(archive.clock) == oracle.clock
    assert numbers(archive.levels)[:n] == [s.level[0] for s in oracle.slots]
    assert archive.ids[:n].tolist() == [s.id for s in oracle.slots]
    assert archive.scores[:n].tolist() == [s.score for s in oracle.slots]
    assert archive.stamps[:n].tolist() == [s.stamp for s in oracle.slots]
    assert archive.memory.best_return[:n].tolist() == [s.memory[0] for s in oracle.slots]
    assert archive.memory.seen[:n].tolist() == [s.memory[1] for s in oracle.slots]
    order = sorted(range(n), key=lambda i: (-oracle.slots[i].score, i))
    assert [int(archive.ranks[i]) for i in order] == list(range(n))
    if n:
        got = np.asarray(probabilities(archive, config))
        np.testing.assert_allclose(got[:n], oracle.probabilities(), rtol=2e-6, atol=1e-9)
        assert (got[n:] == 0).all()


def random_memory(rng: np.random.Generator) -> BestReturn:
    return BestReturn(
        jnp.asarray(rng.integers(-9, 9, B), jnp.float32), jnp.asarray(rng.random(B) < 0.5)
    )


def entry(seen: BestReturn, b: int) -> tuple[np.float32, bool]:
    return np.asarray(seen.best_return)[b], bool(seen.seen[b])


def offer_batch(archive, oracle, rng, config, first_id, how):
    # Numbers below 24 against 7 slots: most batches hold duplicates, inside or with the archive.
    levels, scores = rng.integers(0, 24, B), rng.choice(SCORES, B)
    valid, memory, ids = rng.random(B) < 0.85, random_memory(rng), first_id + np.arange(B)
    batch = candidates(levels, scores, ids=ids, valid=valid, memory=memory)
    archive, done = insert(archive, batch, config, how)
    for b in range(B):
        score = float(scores[b]) + 0.0
        what, slot, left = oracle.offer(
            (int(levels[b]),), int(ids[b]), score, bool(valid[b]), entry(memory, b)
        )
        assert bool(done.entered[b]) == (what == "entered")
        assert bool(done.duplicate[b]) == (what == "duplicate")
        assert bool(done.evicted[b]) == (left is not None)
        if slot is not None:
            assert int(done.slot[b]) == slot
        if left is not None:
            assert int(done.evicted_id[b]) == left
    return archive


def draw_batch(archive, oracle, rng, config):
    uniforms = rng.random((B, 2)).astype(np.float32)
    archive, slots = draws(archive, jnp.asarray(uniforms), config)
    for u, slot in zip(uniforms, slots.tolist(), strict=True):
        assert oracle.could_draw((u[0], u[1]), slot, slack=1e-5)
        oracle.drawn(slot)
    return archive


def replay_batch(archive, oracle, rng, how):
    slots, scores = rng.integers(0, len(oracle.slots), B), rng.choice(SCORES, B)
    valid, mask, memory = rng.random(B) < 0.8, rng.random(B) < 0.8, random_memory(rng)
    archive = update(
        archive,
        jnp.asarray(slots, jnp.int32),
        jnp.asarray(scores),
        jnp.asarray(valid),
        memory,
        jnp.asarray(mask),
        how,
    )
    for b in range(B):
        score = float(scores[b]) + 0.0
        oracle.replayed(int(slots[b]), score, bool(valid[b]), entry(memory, b), bool(mask[b]))
    return archive


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "remembering"),
    [*((name, "maximum") for name in CONFIGS), *(("rank", name) for name in list(MEMORIES)[1:])],
)
def test_batches_equal_one_level_at_a_time_over_thousands_of_operations(name, remembering):
    config, (how, rules) = CONFIGS[name], MEMORIES[remembering]
    rng = np.random.default_rng(11)
    for _ in range(2):  # 2 archives x 90 batches x 5 levels x 9 cases = 8,100 operations
        archive = archive_of(config)
        oracle = Oracle(
            K, config.prioritisation, config.temperature, config.staleness, config.topk, **rules
        )
        for step in range(90):
            kind = rng.choice(["insert", "draw", "update"], p=[0.4, 0.35, 0.25])
            if kind == "insert" or not oracle.slots:
                archive = offer_batch(archive, oracle, rng, config, B * step, how)
            elif kind == "draw":
                archive = draw_batch(archive, oracle, rng, config)
            else:
                archive = replay_batch(archive, oracle, rng, how)
            assert_same(archive, oracle, config)


@pytest.mark.parametrize(
    ("temperature", "share"), [(0.1, 0.999), (0.3, 0.872), (0.5, 0.608), (1.0, 0.113)]
)
def test_the_best_of_4000_holds_the_share_the_power_law_gives_it(temperature, share):
    # 1 / sum of n^(-1/β). Dividing by β instead of taking the power 1/β gives 0.113 for all.
    config = ReplayConfig(temperature=temperature, staleness=0.0)
    ranks = jnp.arange(4000, dtype=jnp.int32)
    got = replay.score_probabilities(ranks.astype(jnp.float32), ranks, ranks >= 0, config)
    exact = np.arange(1, 4001.0) ** (-1 / temperature)
    assert float(got[0]) == pytest.approx(share, abs=5e-4)
    np.testing.assert_allclose(got, exact / exact.sum(), rtol=1e-5, atol=1e-30)


def filled(config: ReplayConfig, scores) -> replay.Replay:
    """An archive of levels 0, 1, … with these scores, in batches of B, the last one masked."""
    archive = archive_of(config)
    padded = [*scores, *[0.0] * (-len(scores) % B)]
    for start in range(0, len(padded), B):
        index = np.arange(start, start + B)
        batch = candidates(index, padded[start : start + B], ids=index, valid=index < len(scores))
        archive, _ = insert(archive, batch, config)
    return archive


def test_the_best_rank_is_finite_and_empty_slots_never_outrank_negative_scores():
    config = CONFIGS["rank, no staleness"]
    chance = np.asarray(probabilities(filled(config, [-3.0, -1.0, -2.0]), config))
    np.testing.assert_allclose(chance[:3], np.array([2, 6, 3]) / 11, rtol=1e-5)
    assert (chance[3:] == 0).all()


def test_equal_scores_favour_the_lower_slot():
    config = CONFIGS["rank, no staleness"]
    chance = np.asarray(probabilities(filled(config, [1.0] * 4), config))[:4]
    assert (np.diff(chance) < 0).all()


def test_replay_without_a_finished_episode_keeps_the_score():
    archive = filled(CONFIGS["rank"], [1.0, 2.0, 3.0])
    slots, no = jnp.zeros(B, jnp.int32), jnp.zeros(B, bool)
    minus_inf = jnp.full(B, -jnp.inf)
    for valid in (no, ~no):  # a score not finite is unscored, whatever the caller says
        after = update(archive, slots, minus_inf, valid, unseen(B), ~no)
        assert after.scores.tolist() == archive.scores.tolist()


def test_of_several_replays_of_one_level_the_last_valid_one_counts():
    archive = filled(CONFIGS["rank"], [1.0, 2.0, 3.0])
    memory = BestReturn(jnp.array([-5.0, 4.0, -7.0, 9.0, 0.0]), jnp.ones(B, bool))
    after = update(
        archive,
        jnp.array([1, 1, 1, 1, 0], jnp.int32),
        jnp.array([5.0, 6.0, 7.0, 8.0, 9.0]),
        jnp.array([True, True, False, True, True]),
        memory,
        jnp.array([True, True, True, False, True]),
    )
    assert after.scores[:3].tolist() == [9.0, 6.0, 3.0]
    assert float(after.memory.best_return[1]) == 4.0  # the masked 9 is ignored, the unscored not


def test_a_stale_level_is_protected_from_eviction():
    # Slot 0 has the worst score but was never drawn again; the combined distribution keeps it.
    config = ReplayConfig(K, temperature=1.0, staleness=0.9)
    archive = filled(config, [0.0, *range(1, K)])
    fresh = jnp.array(list(range(1, K)), jnp.int32)
    stamps = archive.stamps.at[fresh].set(100)
    archive = replay.eqx.tree_at(lambda a: (a.stamps, a.clock), archive, (stamps, jnp.int32(101)))
    _, done = insert(archive, candidates(range(50, 55), [9.0] * B), config)
    assert 0 not in done.slot.tolist()


def test_proportional_weights_survive_scores_whose_power_overflows():
    config = CONFIGS["proportional"]
    huge = filled(config, [1e30, 5e29, -1e30])
    got = np.asarray(replay.score_probabilities(huge.scores, huge.ranks, huge.occupied, config))
    np.testing.assert_allclose(got[:3], [0.8, 0.2, 0.0], rtol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_an_empty_archive_gives_slot_zero_and_no_nan(name):
    archive = archive_of(CONFIGS[name])
    after, slots = draws(archive, jnp.full((B, 2), 0.999), CONFIGS[name])
    assert slots.tolist() == [0] * B
    assert all(
        bool((a == b).all())
        for a, b in zip(jax.tree.leaves(archive), jax.tree.leaves(after), strict=True)
    )
    assert (np.asarray(probabilities(archive, CONFIGS[name])) == 0).all()


def test_draws_follow_the_probabilities():
    config = CONFIGS["rank, no staleness"]
    archive = filled(config, [0.3, 0.1, 0.2, 0.5])
    keys = jax.random.split(jax.random.key(0), 4000)
    first = jax.jit(jax.vmap(lambda k: replay.sample(archive, k, 1, config)[1][0]))(keys)
    expected = np.asarray(probabilities(archive, config))
    seen = np.bincount(np.asarray(first), minlength=K) / 4000
    np.testing.assert_allclose(seen, expected, atol=4 * 0.5 / np.sqrt(4000))


def test_sequential_draws_reach_every_level_of_a_larger_archive():
    # With staleness alone a drawn level has weight 0 right after, so repeats are rare.
    config = ReplayConfig(100, staleness=1.0)
    archive = replay.eqx.tree_at(
        lambda a: (a.count, a.clock), archive_of(config), (jnp.int32(100), jnp.int32(5))
    )
    after, slots = replay.sample(archive, jax.random.key(3), 64, config)
    oracle = Oracle(100, "rank", 0.3, 1.0, 1)
    oracle.offer((0,), 0, 0.0, True, (0.0, False))
    oracle.slots, oracle.clock = [oracle.slots[0].__class__((i,), i, 0.0, 0, (0.0, False))
                                  for i in range(100)], 5  # fmt: skip
    uniforms = np.asarray(jax.random.uniform(jax.random.key(3), (64, 2)))
    for u, slot in zip(uniforms, slots.tolist(), strict=True):
        assert oracle.could_draw((u[0], u[1]), slot, slack=1e-5)
        oracle.drawn(slot)
    assert after.stamps.tolist() == [s.stamp for s in oracle.slots]


def test_lineage_travels_with_the_level_and_ids_only_grow():
    archive, first = replay.new_ids(archive_of(CONFIGS["rank"]), 3)
    archive, second = replay.new_ids(archive, 2)
    assert [*first.tolist(), *second.tolist()] == [0, 1, 2, 3, 4]
    archive, _ = insert(archive, candidates(range(B), range(B), ids=range(B)), CONFIGS["rank"])
    assert archive.parents[:B].tolist() == [100, 101, 102, 103, 104]
    assert archive.has_parent[:B].tolist() == [False, True, False, True, False]
    assert archive.generation[:B].tolist() == [0, 1, 2, 3, 4]
    assert int(archive.next_id) == 5


def test_replay_starts_once_enough_slots_are_filled():
    config = ReplayConfig(K, minimum_fill=0.5)
    assert not bool(replay.warm(filled(config, [1.0] * 3), config))
    assert bool(replay.warm(filled(config, [1.0] * 4), config))
    assert float(replay.fill(filled(config, [1.0] * K))) == 1.0


@pytest.mark.slow
def test_several_archives_under_vmap_equal_each_alone():
    config = CONFIGS["rank"]
    alone = [
        filled(config, scores) for scores in ([1.0, 2.0], [3.0, -1.0, 2.0, 0.0, 5.0, 6.0, 7.0])
    ]
    both = jax.tree.map(lambda *x: jnp.stack(x), *alone)
    batch = candidates([1, 30, 30, 31, 2], [4.0, 1.0, 9.0, 2.0, -1.0], ids=range(60, 65))
    together, _ = jax.jit(jax.vmap(lambda a: replay.insert(a, batch, config)))(both)
    assert together.occupied.shape == (2, K)
    for i, one in enumerate(alone):
        expected, _ = insert(one, batch, config)
        for a, b in zip(jax.tree.leaves(expected), jax.tree.leaves(together), strict=True):
            np.testing.assert_array_equal(a, b[i])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"capacity": 0}, "capacity must be at least 1, got 0"),
        ({"temperature": 0.0}, "temperature must be positive and finite, got 0.0"),
        ({"staleness": 1.5}, r"staleness must lie in \[0, 1\], got 1.5"),
        ({"minimum_fill": 0.0}, r"minimum_fill must lie in \(0, 1\], got 0.0"),
        ({"topk": 0}, r"topk must lie in \[1, capacity\], got 0"),
    ],
)
def test_a_config_that_cannot_work_is_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        ReplayConfig(**fields)


def test_an_emptied_archive_is_a_new_one_whose_ids_go_on():
    config = CONFIGS["rank"]
    new, _ = replay.new_ids(archive_of(config), B)
    full, _ = insert(new, candidates(range(B), [3.0, 1.0, 2.0, 0.5, 4.0]), config)
    assert int(full.count) == B and not eqx.tree_equal(full.ranks, new.ranks)
    assert eqx.tree_equal(replay.emptied(full), new)
