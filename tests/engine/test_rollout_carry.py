"""Rollouts in pieces, from given states, without restart, and by several players."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core import trees
from cairn.core.errors import ConfigError
from cairn.engine.rollout import begin_at, rollout
from cairn.envs.protocol import Category, Discrete, Environment, Space, Step, Vector
from cairn.learners.protocol import Acted, Actor
from cairn.learners.random import Nothing, RandomPolicy

KEY = jax.random.key(7)
LENGTHS = jnp.array([[3, 5, 9], [4, 2, 6]], jnp.int32)
"""Two turns of three columns."""
play = eqx.filter_jit(rollout)


class Lengths(Space):
    def sample(self, key):
        return jax.random.randint(key, (), 1, 9, jnp.int32)

    def mutate(self, key, level):
        return level + 1


class Drift(Environment):
    """Drifts at random for as many steps as the level says."""

    actions: ClassVar[int] = 3
    max_steps: ClassVar[int] = 9
    observation_spec: ClassVar[Vector] = Vector(2)
    space: ClassVar[Space] = Lengths()

    def reset(self, key, level):
        state = (jax.random.uniform(key), jnp.int32(0), level)
        return state, self.observe(state)

    def step(self, key, state, action):
        place, time, level = state
        place = place + action.astype(jnp.float32) + jax.random.normal(key)
        state = (place, time + 1, level)
        ends = state[1] >= level
        return Step(state, self.observe(state), place, ends & (level < 9), ends & (level >= 9))

    def observe(self, state):
        return jnp.stack([state[0], state[2].astype(jnp.float32)])


class Dilemma(Environment):
    """Two prisoners, three rounds an episode; each sees what both did, itself first."""

    actions: ClassVar[int] = 2
    max_steps: ClassVar[int] = 3
    players: ClassVar[tuple[str, ...]] = ("row", "column")
    observation_spec: ClassVar[tuple[Category, ...]] = (Category(5), Category(5))
    space: ClassVar[Space] = Lengths()

    def reset(self, key, level):
        return jnp.int32(0), (jnp.int32(4), jnp.int32(4))

    def step(self, key, state, action):
        row, column = action
        pays = jnp.array([[-1.0, -3.0], [0.0, -2.0]], jnp.float32)
        seen = (2 * row + column, 2 * column + row)
        rewards = (pays[row, column], pays[column, row])
        return Step(state + 1, seen, rewards, jnp.array(False), state + 1 >= 3)


class Counting(RandomPolicy):
    """Acts at random, and remembers for how many steps it has."""

    def initial_memory(self, state, batch):
        return jnp.zeros(batch, jnp.int32)

    def act(self, state, observation, memory, reset, uniform):
        memory = jnp.where(reset, 0, memory) + 1
        acted = super().act(state, observation, None, reset, uniform)
        return acted._replace(memory=memory, value=memory.astype(jnp.float32), extra=memory)


ALONE = {"student": Actor(Counting(Discrete(3)), Nothing())}
EVERYTHING = {"student": ("start", "successor", "extra")}


def same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.fixture(scope="module")
def whole():
    return play(Drift(), ALONE, LENGTHS, KEY, steps=512, keep=EVERYTHING)


@pytest.fixture(scope="module")
def pieces():
    """Four rollouts, each from where the last one ended."""
    made = [(None, None)]
    for _ in range(4):
        start = made[-1][0]
        made.append(play(Drift(), ALONE, LENGTHS, KEY, steps=128, start=start, keep=EVERYTHING))
    return made[1:]


def test_a_stream_of_512_steps_is_the_same_in_four_pieces_bit_for_bit(whole, pieces):
    end, traces = jax.device_get(whole)
    parts = [traces["student"] for _, traces in jax.device_get(pieces)]
    same(pieces[-1][0], end)
    same(parts[-1].last_value, traces["student"].last_value)
    timed = [part._replace(last_value=None, start=None) for part in (*parts, traces["student"])]
    same(jax.tree.map(lambda *rows: np.concatenate(rows), *timed[:-1]), timed[-1])
    assert not end.moment.reset.any()  # no piece ends with all episodes
    np.testing.assert_array_equal(parts[-1].last_value, end.moment.memory["student"] + 1)


def test_a_piece_says_what_its_columns_brought(whole, pieces):
    start, long = pieces[1][1]["student"].start, whole[1]["student"]
    same(start.memory, long.extra[127])
    ends = np.asarray(long.done)[:128]
    for column in range(3):
        first = int(np.flatnonzero(ends[:, column])[-1]) + 1
        total = np.asarray(long.reward)[first:128, column].sum(dtype=np.float32)
        np.testing.assert_allclose(start.episode_return[column], total, rtol=1e-5, atol=1e-5)


def test_a_trace_holds_no_more_than_it_is_asked_to(whole):
    full = whole[1]["student"]
    plain = jax.eval_shape(lambda: rollout(Drift(), ALONE, LENGTHS, KEY, steps=4))[1]["student"]
    assert plain[10:] == (None,) * 6
    going, done = ~np.asarray(full.done[:-1]), np.asarray(full.done[:-1])
    after, following = np.asarray(full.successor[:-1]), np.asarray(full.observation[1:])
    np.testing.assert_array_equal(after[going], following[going])
    assert (after[done, 0] != following[done, 0]).all()
    np.testing.assert_array_equal(full.reset[1:], full.done[:-1])
    np.testing.assert_array_equal(np.asarray(full.extra)[1:][done], 1)
    assert full.weight is None


def test_columns_go_on_with_the_next_level_or_the_same(whole):
    seen = np.asarray(whole[1]["student"].observation)[:, :, 1]
    same_level = play(Drift(), ALONE, LENGTHS, KEY, steps=16, restart="same")[1]["student"]
    assert (np.asarray(same_level.observation)[:, :, 1] == np.asarray(LENGTHS[0])).all()
    assert seen[:8, 0].tolist() == [3] * 3 + [4] * 4 + [3]


def test_without_restart_a_column_stands_still_and_its_steps_weigh_nothing():
    end, traces = play(Drift(), ALONE, LENGTHS[:1], KEY, steps=8, restart=None)
    trace, on = traces["student"], play(Drift(), ALONE, LENGTHS[:1], KEY, steps=8)[1]["student"]
    lived = np.arange(8)[:, None] < np.asarray(LENGTHS[0])
    np.testing.assert_array_equal(trace.weight, lived.astype(np.float32))
    for name in ("observation", "action", "reward", "value", "terminated", "truncated"):
        ours, theirs = np.asarray(getattr(trace, name)), np.asarray(getattr(on, name))
        np.testing.assert_array_equal(ours[lived], theirs[lived], err_msg=name)
    dead = ~lived
    for field in (trace.reward, trace.value, trace.terminated, trace.solved):
        assert not np.asarray(field)[dead].any()
    assert np.asarray(end.state[1]).tolist() == [3, 5, 8]  # where each ended, or was left
    total = (np.asarray(trace.reward) * lived).sum(axis=0)
    np.testing.assert_allclose(end.moment.episode_return["student"], total, rtol=1e-5)
    assert np.asarray(end.moment.over).tolist() == [True, True, False]
    assert np.asarray(trace.last_value).tolist() == [0, 0, 9]


def test_columns_can_begin_at_given_states():
    states = (jnp.array([5.0, 6.0, 7.0]), jnp.int32([1, 0, 7]), LENGTHS[0])
    seen = jax.vmap(Drift().observe)(states)
    start = begin_at(Drift(), ALONE, states, seen, 3)
    end, traces = play(Drift(), ALONE, None, KEY, steps=6, start=start, restart=None)
    same(traces["student"].observation[0], seen)
    lived = np.asarray(traces["student"].weight).sum(axis=0)
    assert lived.tolist() == [2, 5, 2] and int(end.step) == 6
    with pytest.raises(ValueError, match="levels are needed to begin and to restart"):
        rollout(Drift(), ALONE, None, KEY, steps=6, start=start)


def test_two_players_act_for_themselves_and_one_may_remember_across_episodes():
    actors = {
        "column": Actor(Counting(Discrete(2)), Nothing()),
        "row": Actor(Counting(Discrete(2)), Nothing()),
    }
    keep = {"row": ("extra",), "column": ("extra",)}
    levels = jnp.zeros((1, 4), jnp.int32)
    _, traces = play(Dilemma(), actors, levels, KEY, steps=12, remember=("column",), keep=keep)
    row, column = traces["row"], traces["column"]
    ours, theirs = np.asarray(row.action), np.asarray(column.action)
    assert 0 < (ours != theirs).mean() < 1
    pays = np.array([[-1, -3], [0, -2]], np.float32)
    np.testing.assert_array_equal(row.reward, pays[ours, theirs])
    np.testing.assert_array_equal(column.reward, pays[theirs, ours])
    np.testing.assert_array_equal(row.observation[1], (2 * ours + theirs)[0])
    np.testing.assert_array_equal(column.observation[1], (2 * theirs + ours)[0])
    assert np.asarray(row.done)[:, 0].tolist() == [False, False, True] * 4
    assert np.asarray(row.extra)[:, 0].tolist() == [1, 2, 3] * 4
    assert np.asarray(column.extra)[:, 0].tolist() == list(range(1, 13))
    np.testing.assert_array_equal(row.solved, False)  # no episode here pays more than nothing


def test_players_who_do_not_fit_the_environment_are_refused():
    with pytest.raises(ConfigError, match="Dilemma is played by row, column, got student"):
        rollout(Dilemma(), ALONE, jnp.zeros((1, 2), jnp.int32), KEY, steps=1)


class Brain(RandomPolicy):
    """Its state is a network whose activation is a leaf, as Equinox's own has it."""

    def init(self, key):
        return trees.sealed(eqx.nn.MLP(2, 3, 4, 1, activation=jnp.tanh, key=key))

    def initial_memory(self, state, batch):
        return None

    def act(self, state, observation, memory, reset, uniform):
        logits = jax.vmap(trees.opened(state))(observation)
        zeros = jnp.zeros_like(uniform)
        return Acted(jnp.argmax(logits, axis=1).astype(jnp.int32), zeros, zeros, None)


def test_any_module_can_be_in_a_state_that_is_scanned_branched_on_and_played():
    brain = Brain(Discrete(3))

    @jax.jit
    def run(state):
        def cycle(state, now):
            actors = {"teacher": Actor(brain, state)}
            _, traces = rollout(Drift(), actors, LENGTHS, KEY, steps=2)
            moved = lambda state: jax.tree.map(lambda leaf: leaf + 1, state)  # noqa: E731
            return jax.lax.cond(now > 0, moved, lambda state: state, state), traces

        return jax.lax.scan(cycle, state, jnp.arange(3))

    before = brain.init(KEY)
    after, traces = run(before)
    assert traces["teacher"].action.shape == (3, 2, 3)
    weight = trees.opened(before).layers[0].weight
    np.testing.assert_allclose(trees.opened(after).layers[0].weight, weight + 2, rtol=1e-6)
    assert trees.opened(after).activation is jnp.tanh
