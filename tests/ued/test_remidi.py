"""ReMiDi on the lever game, where what is covered can be said: all that is not visible."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cairn
from cairn.archive import replay
from cairn.core.errors import ConfigError
from cairn.envs.cartpole import CartPole
from cairn.envs.levers import Levers
from cairn.nn.protocol import Network, Output
from cairn.score import unseen
from cairn.ued import adversaries, remidi

pytestmark = pytest.mark.slow  # one program and one run for all

N, K, R = 6, 4, 12
SETTINGS = {
    "levers": N, "batch": 8, "steps_per_cycle": 4, "capacity": K, "minimum_fill": 0.5,
    "adversaries": 2, "cycles": R, "chunk": 3, "memory": "none", "epochs": 2, "minibatches": 1,
    "learning_rate": 0.05, "entropy_weight": 0.5, "decay": "none", "steps": 10**6,
}  # fmt: skip


class Table(Network):
    """A row of numbers for each observation, so that nothing learned here is felt there."""

    policy: jax.Array
    value: jax.Array

    def __init__(self, spec, outputs, config, key):
        self.policy = jnp.zeros((spec.size, outputs), jnp.float32)
        self.value = jnp.zeros(spec.size, jnp.float32)

    def step(self, observation, memory, reset):
        return Output(observation @ self.policy, observation @ self.value), memory


@pytest.fixture(scope="module")
def program():
    chosen = cairn.experiment("levers", method="remidi", network=f"{__name__}:Table", **SETTINGS)
    return chosen.program, jax.jit(chosen.program.step)


@pytest.fixture(scope="module")
def run(program):
    """(state before, state after, report) of each cycle."""
    made, step = program
    state, cycles = made.init(jax.random.key(0)), []
    for _ in range(3 * R):
        before = state
        state, report = step(state)
        cycles.append((before, state, report))
    return cycles


def hidden_row(state):
    """All that decides what is done, and expected, where the answer is not visible."""
    network = state.learner.network
    return np.append(network.policy[N], network.value[N])


def of_second(run):
    return [cycle for cycle in run if int(cycle[0].extra.number) == 1]


def test_adversaries_follow_each_other_and_the_last_stays(run):
    numbers = [int(before.extra.number) for before, _, _ in run]
    assert numbers == [0] * R + [1] * (2 * R)
    last_of_first, first_of_second = run[R - 1], run[R]
    held = int(first_of_second[0].extra.held)
    assert held == K and int(first_of_second[0].archive.count) == 0
    theirs = jax.tree.map(lambda leaf: leaf[:held], first_of_second[0].extra.levels)
    offered = [report.events[0].levels for _, _, report in run[:R]]
    known = {(int(a), bool(v)) for one in offered for a, v in zip(*one, strict=True)}
    assert {(int(a), bool(v)) for a, v in zip(*theirs, strict=True)} <= known
    assert len(set(zip(*map(np.ndarray.tolist, map(np.asarray, theirs)), strict=True))) == K
    assert int(first_of_second[0].archive.next_id) == int(last_of_first[1].archive.next_id) > 0


def test_a_third_adversary_knows_the_levels_of_both_before_it():
    """Of archives that were not full, and in the order in which they came."""
    config = replay.ReplayConfig(K)
    now = adversaries.first(replay.empty(jnp.int32(0), unseen(), config), 2 * K)
    for number, chosen in enumerate([[11, 12, 13], [21, 22]]):
        archive = replay.empty(jnp.int32(0), unseen(), config)
        rows = jnp.zeros(K, jnp.int32).at[: len(chosen)].set(jnp.array(chosen, jnp.int32))
        counted = lambda a: (a.levels, a.count)  # noqa: E731
        archive = eqx.tree_at(counted, archive, (rows, jnp.int32(len(chosen))))
        now = adversaries.following(archive, now._replace(cycles=jnp.int32(R)))
        assert int(now.number) == number + 1 and int(now.cycles) == 0
    assert now.levels[: int(now.held)].tolist() == [11, 12, 13, 21, 22]


def test_what_an_earlier_adversary_settled_stays_bit_for_bit(run):
    learned = 0
    for before, after, _ in of_second(run):
        np.testing.assert_array_equal(hidden_row(before), hidden_row(after))
        learned += not eqx.tree_equal(before.learner, after.learner)
    assert learned > R / 2
    firsts = [hidden_row(before) for before, _, _ in run[:R]]
    assert (firsts[0] != firsts[-1]).any()


def test_steps_that_are_covered_count_in_no_loss_and_not_in_the_entropy(program, run):
    """Levels of either kind in one batch: entropy has half the weight here, and would be felt."""
    _, step = program
    state = run[R][0]  # the second adversary begins: no momentum, and an archive to be filled
    levels = state.archive.levels
    mixed = type(levels)(jnp.arange(K, dtype=jnp.int32), jnp.arange(K) % 2 == 0)
    state = eqx.tree_at(lambda s: (s.archive.levels, s.archive.count), state, (mixed, jnp.int32(K)))
    both = 0
    for cycle in range(12):
        after, report = step(eqx.tree_at(lambda s: s.cycle, state, jnp.int32(200 + cycle)))
        if report.metrics["replayed"] and 0 < report.metrics["covered"] < 1:
            both += 1
            np.testing.assert_array_equal(hidden_row(after), hidden_row(state))
            assert not eqx.tree_equal(after.learner, state.learner)
    assert both > 2


def test_levels_that_are_covered_whole_never_enter(run):
    offered = entered = 0
    for _, after, report in of_second(run):
        (events,) = report.events
        hidden = ~np.asarray(events.levels.visible)
        offered += hidden.sum()
        assert not (np.asarray(events.entered) & hidden).any()
        entered += int(events.entered.sum())
        assert np.asarray(after.archive.levels.visible)[: int(after.archive.count)].all()
    assert offered > 10 and entered >= K


def test_scores_are_regrets_that_were_measured(program):
    """Not 1 or 10 by what kind of level it is: they fall as the student learns."""
    made, step = program
    state = made.init(jax.random.key(3))
    always_right = 20.0 * jnp.eye(N + 1, N)
    able = eqx.tree_at(lambda s: s.learner.network.policy, state, always_right)
    scores = {}
    for name, player in (("fresh", state), ("able", able)):
        _, report = step(player)
        (events,) = report.events
        seen = np.asarray(events.levels.visible)
        scores[name] = np.asarray(events.score)[seen]
    assert remidi.Config().score == "perfect-regret"
    assert not scores["able"].any()
    assert len(set(scores["fresh"].tolist())) > 1 and scores["fresh"].mean() > 1.0


def test_a_batch_with_nothing_new_leaves_the_learner_as_it_is(program, run):
    """Where all is covered the losses would be 0 / 0."""
    _, step = program
    before, _, _ = run[R - 1]  # the archive is warm and holds only what cannot be seen
    count = before.archive.count
    levels = before.extra.levels
    levels = jax.tree.map(lambda room, own: room.at[:K].set(own), levels, before.archive.levels)
    state = eqx.tree_at(
        lambda s: (s.extra.levels, s.extra.held, s.extra.number, s.archive.count),
        before,
        (levels, count, jnp.int32(1), count),
    )
    replays = 0
    for cycle in range(8):
        state = eqx.tree_at(lambda s: s.cycle, state, jnp.int32(100 + cycle))
        after, report = step(state)
        metrics, weights = report.metrics, report.weights
        assert all(np.isfinite(value) for value in metrics.values())
        if not metrics["replayed"]:
            continue
        replays += 1
        assert float(metrics["covered"]) == 1.0 and float(weights["entropy"]) == 0.0
        assert eqx.tree_equal(after.learner, state.learner)
        assert after.ledger.totals()["updates"] == state.ledger.totals()["updates"]
    assert replays > 2


def test_comparing_costs_steps_that_are_entered_as_scoring(run):
    """And what is entered is all: test_methods.py counts them where they are taken."""
    cycle = SETTINGS["batch"] * SETTINGS["steps_per_cycle"]
    for before, after, report in run:
        spent = {
            name: after.ledger.totals()[name] - before.ledger.totals()[name]
            for name in ("training", "scoring", "mutation")
        }
        replayed = bool(report.metrics["replayed"])
        chunks = -(-int(before.extra.held) // SETTINGS["chunk"])
        scoring = cycle * ((not replayed) + chunks * SETTINGS["chunk"])
        assert spent == {"training": cycle * replayed, "scoring": scoring, "mutation": 0}


def test_the_score_is_perfect_regret_where_somebody_knows_it():
    assert cairn.experiment("levers", method="remidi").algorithm.score == "perfect-regret"
    assert cairn.experiment("levers", method="remidi", score="maxmc").algorithm.score == "maxmc"
    unknown = remidi.by_what_is_known(CartPole())
    assert unknown == {"score": "maxmc"} and remidi.by_what_is_known(Levers()) == {}


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="adversaries must be at least 2, got 1"):
        remidi.Config(adversaries=1)
    with pytest.raises(ConfigError, match="chunk must be at least 1, got 0"):
        remidi.Config(chunk=0)
    with pytest.raises(ConfigError, match=r"must stay below 2\^32, got"):
        remidi.Config(adversaries=200, capacity=4000)
