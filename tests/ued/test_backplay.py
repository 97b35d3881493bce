"""Backplay: where episodes begin, when the start moves back, and that it ends at the true start."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import history

from cairn.core.errors import ConfigError
from cairn.core.trace import Trace
from cairn.engine.rollout import rollout
from cairn.envs import check
from cairn.envs.cartpole import CartPole
from cairn.envs.maze.env import Maze
from cairn.envs.maze.solve import optimal_actions
from cairn.envs.midway import Midway, Start
from cairn.learners.ppo import PPO, PPOConfig
from cairn.learners.protocol import Acted, Actor
from cairn.runs import presets
from cairn.runs.experiment import Experiment, RunConfig
from cairn.ued import backwards, demonstrations
from cairn.ued.backplay import Config
from cairn.ued.backwards import Windows
from cairn.ued.demonstrations import Demonstrations
from doors import OPEN, Doors, Settings

# Six cells in a row, looking away from the goal: two turns, four moves and the one that ends it.
ROW = Maze(width=6, height=3, view=3, walls=0, limit=12, level="<....G/######/######")
LENGTH = 7


class Replay:
    """Plays the actions of a demonstration, which are all that it is given to know."""

    noise = ()

    def initial_memory(self, state, batch):
        return jnp.zeros(batch, jnp.int32)

    def act(self, state, observation, memory, reset, uniform):
        actions, first = state
        memory = jnp.where(reset, first, memory)
        none = jnp.zeros(reset.shape, jnp.float32)
        return Acted(actions[memory], none, none, memory + 1)


@pytest.fixture(scope="module")
def shown():
    return jax.jit(lambda key: demonstrations.shown(ROW, 2, key))(jax.random.key(0))


def starts(found, fresh):
    """Midway starts of one turn."""
    states, observations = found
    level = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(fresh)), level_of(ROW))
    return jax.tree.map(lambda leaf: leaf[None], Start(level, states, observations, fresh))


def level_of(env):
    return env.space.sample(jax.random.key(0))


def test_a_demonstration_is_the_states_of_a_shortest_way(shown):
    assert int(optimal_actions(level_of(ROW))) == LENGTH
    np.testing.assert_array_equal(shown.lengths, [LENGTH, LENGTH])
    states = shown.states
    np.testing.assert_array_equal(states.agent[0, :LENGTH, 0], [0, 0, 0, 1, 2, 3, 4])
    np.testing.assert_array_equal(states.time[0, :LENGTH], range(LENGTH))
    seen = jax.jit(jax.vmap(ROW.observe))(jax.tree.map(lambda leaf: leaf[0, :LENGTH], states))
    for kept, fresh in zip(shown.observations, seen, strict=True):
        np.testing.assert_array_equal(kept[0, :LENGTH], fresh)


def test_a_start_has_the_time_left_that_was_left_there_and_its_return_is_the_whole_way_s(shown):
    """Near the end of the way, the same goal at the same moment; or the same time-out."""
    distance = jnp.array([1, 3, LENGTH, 40], jnp.int32)
    states, observations, far = demonstrations.at(shown, distance, jnp.zeros(4))
    np.testing.assert_array_equal(far, [1, 3, LENGTH, LENGTH])
    np.testing.assert_array_equal(states.time, [LENGTH - 1, LENGTH - 3, 0, 0])

    @functools.partial(jax.jit, static_argnums=1)
    def play(starts, steps, actions):
        first = LENGTH - far
        actor = Actor(Replay(), (actions, first))
        return rollout(Midway(ROW), {"student": actor}, starts, jax.random.key(0), steps=steps)[1]

    given = starts((states, observations), jnp.zeros(4, bool))
    actions = ROW.demonstration(level_of(ROW))
    trace = play(given, 12, actions)["student"]
    for column, d in enumerate([1, 3, LENGTH, LENGTH]):
        assert np.flatnonzero(trace.solved[:, column])[0] == d - 1
        assert trace.reward[d - 1, column] == pytest.approx(1 - 0.9 * LENGTH / 12)
    idle = play(given, 12, jnp.full(24, 6, jnp.int32))["student"]
    ends = [np.flatnonzero(idle.truncated[:, column])[0] for column in range(4)]
    assert ends == [12 - LENGTH, 12 - LENGTH + 2, 11, 11]


@pytest.mark.slow
def test_memory_starts_empty_in_the_middle(shown):
    """What the student values first is what it does who has seen nothing else (sheet, 5.15)."""
    network = PPOConfig(memory="lstm", hidden=4, head=4, filters=2, epochs=1, minibatches=1)
    student = PPO.of(ROW, network)
    state = jax.jit(student.init)(jax.random.key(1))
    states, observations, _ = demonstrations.at(shown, jnp.array([1, 2]), jnp.zeros(2))

    @jax.jit
    def play(state, starts):
        actor = {"student": Actor(student, state)}
        traces = rollout(
            Midway(ROW), actor, starts, jax.random.key(0), steps=13, keep={"student": ("start",)}
        )[1]
        empty = student.initial_memory(state, 2)
        none = jnp.zeros(2, bool), jnp.zeros(2)
        return traces["student"], student.act(state, observations, empty, *none).value

    trace, alone = play(state, starts((states, observations), jnp.zeros(2, bool)))
    np.testing.assert_array_equal(trace.value[0], alone)
    again = np.asarray(trace.done).argmax(axis=0) + 1
    assert (again < 13).all()
    for column, time in enumerate(again):
        assert trace.reset[0, column] and trace.reset[time, column]
        assert trace.value[time, column] == alone[column]


def test_windows_meet_and_the_last_holds_the_longest_way():
    assert Windows(first=4, growth=2).edges(30).tolist() == [1, 4, 8, 16, 32]
    assert Windows(first=4, growth=1).edges(15).tolist() == [1, 4, 8, 12, 16]
    assert Windows(first=8, growth=1.5).edges(20).tolist() == [1, 8, 16, 24]


def curriculum(lengths, **changes):
    """One whose demonstrations nobody looks into."""
    kept = Demonstrations((), (), jnp.array(lengths, jnp.int32), jnp.int32(0))
    return backwards.showing(backwards.begin(kept), kept)._replace(
        **{name: jnp.int32(value) for name, value in changes.items()}
    )


def episodes(done, solved):
    """A trace of episodes that end so."""
    zero, done, solved = jnp.zeros(done.shape), jnp.array(done), jnp.array(solved)
    return Trace(zero, zero, zero, zero, zero, done, done, solved, zero, zero[0])


def phases(config, now, steps=30):
    behind = np.arange(20, dtype=np.float32) / 20
    found = [backwards.phase(config, now, steps, jnp.float32(each)) for each in behind]
    return [-1 if bool(last) else int(window) for window, last in found]


def test_on_a_schedule_every_window_has_its_share_and_the_true_start_the_last():
    """The sheet's pitfall (5.15): who skips the last phase has never seen the start."""
    config = Windows(first=4, growth=2, finish=0.25)
    assert phases(config, curriculum([9, 0])) == [0] * 5 + [1] * 5 + [2] * 5 + [-1] * 5
    assert phases(config, curriculum([4, 3])) == [0] * 15 + [-1] * 5
    assert phases(config, curriculum([0, 0])) == [-1] * 20


def test_by_success_the_true_start_comes_after_the_last_window_or_at_the_end_whatever_happened():
    config = Windows(advance="success", first=4, growth=2, finish=0.25)
    assert phases(config, curriculum([9, 0], window=1)) == [1] * 15 + [-1] * 5
    assert phases(config, curriculum([9, 0], window=3)) == [-1] * 20
    with pytest.raises(ConfigError, match=r"finish must lie in \(0, 1\], got 0: without a last"):
        Windows(finish=0)


def test_the_window_advances_when_enough_of_the_last_starts_succeeded():
    """Of a column the first episode counts: others are cut off the sooner the longer they are."""
    config = Windows(advance="success", threshold=0.5, over=4)
    T, B = 4, 3
    first = np.array([True, False, False])
    done, solved = np.zeros((2, T, B), bool)
    done[1], done[3] = True, True
    solved[1] = first
    solved[3] = True  # second episodes, which succeed and do not count
    trace = episodes(done, solved)
    midway = jnp.array([True, True, False])
    judge = lambda now: backwards.judge(config, now, now.window, trace, midway)  # noqa: E731
    now, share = judge(curriculum([9]))
    assert share == 0.5
    assert [int(v) for v in now[2:]] == [0, 2, 1]  # window, starts, successes: not four yet
    now, _ = judge(now)
    assert [int(v) for v in now[2:]] == [1, 0, 0]
    now, _ = judge(now._replace(starts=jnp.int32(2), successes=jnp.int32(0)))
    assert [int(v) for v in now[2:]] == [1, 0, 0]


def test_own_successes_take_the_place_of_the_oldest():
    T, B, limit = 5, 4, 4
    done, solved = np.zeros((2, T, B), bool)
    done[[1, 3, 2, 0], range(B)] = True
    solved[[1, 3, 2], range(3)] = True  # the last column fails at once, and then succeeds
    solved[4, 3] = done[4, 3] = True
    number = np.arange(T * B, dtype=np.int32).reshape(T, B)
    trace = episodes(done, solved)._replace(observation=jnp.array(number), state=jnp.array(number))
    old = Demonstrations(*np.full((2, 2, limit), -1, np.int32), np.array([3, 0], np.int32), 1)
    old = jax.tree.map(jnp.asarray, old)
    offer = lambda own: demonstrations.offered(old, trace, jnp.array(own), limit)  # noqa: E731
    some = offer([True, False, True, True])
    np.testing.assert_array_equal(some.lengths, [3, 2])
    np.testing.assert_array_equal(some.states, number[:limit, [2, 0]].T)
    assert int(some.place) == 1
    nobody = offer([False, False, False, True])
    np.testing.assert_array_equal(nobody.lengths, old.lengths)
    assert (nobody.states == -1).all() and int(nobody.place) == 1
    # More than fit in one go: as many as there is room for, each in a row of its own.
    np.testing.assert_array_equal(offer([True, True, True, True]).lengths, [4, 2])


@pytest.mark.slow
def test_a_run_moves_back_to_levels_from_their_beginning():
    cycles = history("backplay")
    told = [{k: float(v) for k, v in cycle.report.metrics.items()} for cycle in cycles]
    shares = [each["true_starts"] for each in told]
    # Not once and for all: a longer demonstration than any before has windows of its own.
    assert set(shares) == {0.0, 1.0} and shares[0] == 0
    windows = [each["window"] for each in told]
    assert windows == sorted(windows) and windows[-1] > 0
    midway = [each["start_distance"] for each, share in zip(told, shares, strict=True) if not share]
    assert midway[0] < midway[-1]
    last = [cycle for cycle, share in zip(cycles, shares, strict=True) if share == 1]
    assert all(cycle.report.weights["start_distance"] == 0 for cycle in last)
    spent = [cycle.after.ledger.totals()["demonstrating"] for cycle in cycles]
    assert spent == [3 * 8 * (1 + cycle // 5) for cycle in range(len(cycles))]


@pytest.mark.slow
def test_its_own_successes_from_true_starts_are_begun_in_the_middle():
    """Two attempts at a door, by a guesser: whoever opens it at the second may begin there."""
    config = Config(
        batch=8, steps_per_cycle=6, demonstrations="own", pool=3, explore=0.25, turns=2, first=2,
        finish=0.1, advance="success", threshold=1.0, over=10**6,
    )  # fmt: skip
    sections = {"task": Doors(), "algorithm": config, "student": Settings()}
    chosen = Experiment("doors", "backplay", sections, RunConfig(steps=10**5), "doors:Guesser")
    state, step = chosen.program.init(jax.random.key(1)), jax.jit(chosen.program.step)
    told, begun = [], 0
    for _ in range(12):
        before = state.extra
        state, report = step(state)
        told.append(float(report.metrics["true_starts"]))
        # All columns while there is no demonstration, then those that explore.
        midway = int(before.shown.held) > 0
        assert told[-1] == (0.25 if midway else 1.0)
        begun += 6 * midway
        assert int(state.extra.starts) == begun  # they alone are judged
        shown = jax.tree.map(np.asarray, state.extra.shown)
        held = shown.lengths > 0
        # From the true start on, of levels that can be solved, as long as it took.
        assert (shown.states.time[held, 0] == 0).all() and (
            shown.states.level[held, 0] < OPEN
        ).all()
        two = shown.lengths == 2
        assert (shown.states.time[two, 1] == 1).all()
    assert told[0] == 1.0 and told[-1] == 0.25 and held.all()
    assert state.ledger.totals()["demonstrating"] == 0
    assert float(report.metrics["start_distance"]) == 1.0


def test_the_chance_of_a_level_is_not_that_of_its_start():
    """A cart-pole's four quantities and the four numbers it starts from, both uniform."""
    env = CartPole(spread=2.0)
    begun = Midway(env).space.sample(jax.random.key(0))
    shares = np.log2(np.stack(begun.level) / np.array(env.usual))
    started = np.asarray(begun.observation) / 0.05
    assert np.abs(shares).max() <= 1.001 and np.abs(started).max() <= 1.0
    assert not np.isclose(shares, started, atol=1e-3).any()


def test_begun_anywhere_an_environment_keeps_its_promises():
    check.check(Midway(ROW))
    check.check(Midway(CartPole()))


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        ("cartpole", {}, "CartPole cannot show how a level is solved. Give it `demonstration`, or"),
        ("gymnasium/CartPole-v1", {}, "keeps its states where no episode can begin at them"),
        ("maze", {"demonstrations": "own", "explore": 0.0}, "explore must leave a column of"),
        ("maze", {"limit": 300}, "steps_per_cycle must be at least the time limit of 300 steps"),
        ("maze", {"first": 1}, "first must be at least 2, got 1"),
        ("maze", {"level": "Labyrint"}, "There is no maze 'Labyrint'.*Did you mean 'Labyrinth'"),
        ("maze", {"level": "LargeCorridor"}, "is 19x19, larger than the 13x13 maze: set --height"),
        ("maze", {"level": "..G"}, "level '..G' draws no maze"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(task, changes, message):
    with pytest.raises(ConfigError, match=message):
        presets.experiment(task, method="backplay").changed(changes)
