"""Which steps are covered, against histories written out one by one."""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.trace import Trace
from cairn.envs.protocol import Environment, Vector
from cairn.ued.coverage import coverage

T, B, LONGEST = 12, 5, 3


class Show(NamedTuple):
    """A level: what it shows step by step, and after how many it ends."""

    cards: jax.Array
    length: jax.Array


class Cards(Environment):
    """Shows its cards in turn; with the action 1 it skips one. Two leaves are observed."""

    actions: ClassVar[int] = 2
    random_start: ClassVar[bool] = False

    @property
    def max_steps(self):
        return LONGEST

    @property
    def observation_spec(self):
        return {"card": Vector(1), "time": Vector(1)}

    @property
    def space(self):
        raise NotImplementedError

    def see(self, level, place, time):
        card = level.cards[place % level.cards.shape[0]]
        return {"card": card[None], "time": time[None].astype(jnp.float32)}

    def reset(self, key, level):
        state = (level, jnp.int32(0), jnp.int32(0))
        return state, self.see(*state)

    def step(self, key, state, action):
        level, place, time = state
        after = (level, place + 1 + action, time + 1)
        return _Step(after, self.see(*after), 0.0, after[2] >= level.length, jnp.bool_(False))


class _Step(NamedTuple):
    state: tuple
    observation: dict
    reward: float
    terminated: jax.Array
    truncated: jax.Array


def histories(level, actions):
    """What one level shows along `actions`, until it ends: a list of observations."""
    cards, length = level
    place, shown = 0, []
    for time, action in enumerate([*actions, 0]):
        shown.append((cards[place % len(cards)], time))
        place += 1 + action
        if time + 1 > length - 1:
            break
    return shown


@pytest.fixture(scope="module")
def case():
    """Random levels with few cards, so that histories often agree for a while, and random play."""
    random = np.random.default_rng(0)
    levels = [(random.integers(0, 2, 4).tolist(), int(random.integers(1, 4))) for _ in range(B + 7)]
    played, earlier = levels[:B], levels[B:]
    actions = random.integers(0, 2, (T, B))
    card, time, done = np.zeros((T, B)), np.zeros((T, B)), np.zeros((T, B), bool)
    for column, level in enumerate(played):
        t = 0
        while t < T:
            shown = histories(level, actions[t : t + LONGEST, column].tolist())
            for place, (c, n) in enumerate(shown[: T - t]):
                card[t + place, column], time[t + place, column] = c, n
            t += level[1]
            if t <= T:
                done[t - 1, column] = True
    nothing = jnp.zeros((T, B))
    trace = Trace(
        observation={
            "card": jnp.asarray(card, jnp.float32)[..., None],
            "time": jnp.asarray(time, jnp.float32)[..., None],
        },
        action=jnp.asarray(actions, jnp.int32), log_prob=nothing, value=nothing, reward=nothing,
        terminated=jnp.asarray(done), truncated=jnp.zeros((T, B), bool),
        solved=jnp.asarray(done), final_value=nothing, last_value=nothing[0],
    )  # fmt: skip
    return trace, earlier


def written_out(trace, earlier):
    """The same by the definition: one earlier level gives the whole history of the episode."""
    seen = np.concatenate([trace.observation["card"], trace.observation["time"]], axis=2)
    covered = np.zeros((T, B), bool)
    for column in range(B):
        start = 0
        for t in range(T):
            actions = np.asarray(trace.action)[start:t, column].tolist()
            history = [tuple(map(int, row)) for row in seen[start : t + 1, column]]
            for level in earlier:
                shown = histories(level, actions)
                covered[t, column] |= shown[: len(history)] == history
            if trace.terminated[t, column]:
                start = t + 1
    return covered


def of(trace, earlier, count, chunk):
    cards = Show(
        jnp.array([cards for cards, _ in earlier], jnp.float32),
        jnp.array([length for _, length in earlier], jnp.int32),
    )
    call = jax.jit(lambda c: coverage(Cards(), cards, c, trace, chunk))
    return call(jnp.int32(count))


@pytest.mark.parametrize("chunk", [1, 3, 20])
def test_covered_is_what_one_earlier_level_would_have_shown_in_every_leaf(case, chunk):
    trace, earlier = case
    for count in (0, 2, len(earlier)):
        found = of(trace, earlier, count, chunk)
        wanted = written_out(trace, earlier[:count])
        np.testing.assert_array_equal(found.covered, wanted)
        # Whole chunks are played, and none where there is nothing to compare with.
        assert int(found.steps) == -(-count // chunk) * chunk * T * B
    assert 0 < wanted.mean() < 1


def test_a_history_is_not_pieced_together_from_several_levels():
    """The public code asks anew at each step whether any level agrees."""
    cards = jnp.array([[0, 1, 0, 0], [1, 1, 1, 1]], jnp.float32)
    seen = jnp.array([[[0.0]], [[1.0]], [[1.0]]])
    nothing, never = jnp.zeros((3, 1)), jnp.zeros((3, 1), bool)
    times = jnp.arange(3, dtype=jnp.float32)[:, None, None]
    trace = Trace(
        {"card": seen, "time": times}, jnp.zeros((3, 1), jnp.int32), nothing, nothing, nothing,
        never, never, never, nothing, nothing[0],
    )  # fmt: skip
    earlier = Show(cards, jnp.array([9, 9], jnp.int32))
    found = coverage(Cards(), earlier, jnp.int32(2), trace, 2)
    assert found.covered[:, 0].tolist() == [True, True, False]
