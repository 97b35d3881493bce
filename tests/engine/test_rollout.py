"""The compiled rollout against a plain Python loop with the same keys."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.keys import stream
from cairn.engine.rollout import rollout
from cairn.envs.maze.env import Maze
from cairn.envs.protocol import Environment, Space, Step, Vector
from cairn.learners.ppo import PPO, PPOConfig
from cairn.learners.protocol import Actor

T, B, TURNS = 40, 4, 2
MAZE = Maze(width=3, height=3, view=3, walls=1, limit=12)
STUDENT = PPOConfig(hidden=8, head=6, filters=2, embedding=2)


class Slopes(Space):
    def sample(self, key):
        return jax.random.uniform(key, (), minval=-0.5, maxval=0.5)

    def mutate(self, key, level):
        return level + 0.1 * jax.random.normal(key)


class Slope(Environment):
    """A ball on a slope: starts and moves at random, may be terminated and out of time at once."""

    actions: ClassVar[int] = 3
    max_steps: ClassVar[int] = 6
    observation_spec: ClassVar[Vector] = Vector(2)
    space: ClassVar[Space] = Slopes()

    def reset(self, key, level):
        state = (jax.random.uniform(key), jnp.int32(0), level)
        return state, self.observe(state)

    def step(self, key, state, action):
        place, time, level = state
        push = action.astype(jnp.float32) - 1.0
        place = place + level + 0.5 * push + 0.3 * jax.random.normal(key)
        state = (place, time + 1, level)
        ended = jnp.abs(place) > 1.2
        return Step(state, self.observe(state), place, ended, time + 1 >= self.max_steps)

    def observe(self, state):
        return jnp.stack([state[0], state[1].astype(jnp.float32) / 6])


def played_by_hand(env, learner, state, levels, key, *, steps, bootstrap):
    """A loop over time and columns: what `rollout` promises, in the plainest words."""
    turns, batch = jax.tree.leaves(levels)[0].shape[:2]
    act, step, reset = eqx.filter_jit(learner.act), jax.jit(env.step), jax.jit(env.reset)

    def begin(column, turn, time):
        reset_key = jax.random.fold_in(jax.random.fold_in(stream(key, "reset"), time), column)
        level = jax.tree.map(lambda leaf: leaf[turn % turns, column], levels)
        return reset(reset_key, level)

    none, never = jnp.zeros(1), jnp.zeros(1, bool)
    lone = lambda tree: jax.tree.map(lambda leaf: leaf[None], tree)  # noqa: E731
    columns, last = [], []
    for column in range(batch):
        turn, total, rows = 0, 0.0, []
        uniforms = jax.random.uniform(jax.random.fold_in(stream(key, "act"), column), (steps,))
        now, seen = begin(column, turn, 0)
        memory = learner.initial_memory(state, 1)  # emptied by hand: `reset` is never used here
        for t in range(steps):
            acted = act(state, lone(seen), memory, never, uniforms[t][None])
            memory = acted.memory
            step_key = jax.random.fold_in(stream(key, "step", t), column)
            played = step(step_key, now, acted.action[0])
            total += float(played.reward)
            terminated = bool(played.terminated)
            truncated = bool(played.truncated) and not terminated
            done, final = terminated or truncated, 0.0
            if truncated and bootstrap:
                final = float(act(state, lone(played.observation), memory, never, none).value[0])
            rows.append(
                (
                    seen,
                    int(acted.action[0]),
                    float(acted.log_prob[0]),
                    float(acted.value[0]),
                    float(played.reward),
                    terminated,
                    truncated,
                    done and total > 0,
                    final,
                )
            )
            now, seen = played.state, played.observation
            if done:
                turn, total, memory = turn + 1, 0.0, learner.initial_memory(state, 1)
                now, seen = begin(column, turn, t + 1)
        columns.append(rows)
        last.append(float(act(state, lone(seen), memory, never, none).value[0]))
    return columns, last


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "bootstrap"),
    [
        (MAZE, False),
        (Slope(), True),
    ],
    ids=["maze", "slope"],
)
def test_a_rollout_equals_a_plain_loop(env, bootstrap):
    learner = PPO.of(env, STUDENT)
    state = learner.init(jax.random.key(0))
    # A policy that is far from uniform, so that a wrong memory shows in the log-probabilities.
    state = eqx.tree_at(lambda s: s.network.actor[1].weight, state, replace_fn=lambda w: 10 * w)
    keys = jax.random.split(jax.random.key(1), (TURNS, B))
    levels = jax.jit(jax.vmap(jax.vmap(env.space.sample)))(keys)
    key = jax.random.key(2)
    actors = {"student": Actor(learner, state)}
    play = eqx.filter_jit(rollout)
    trace = play(env, actors, levels, key, steps=T, bootstrap_time_limit=bootstrap)[1]["student"]
    columns, last = played_by_hand(env, learner, state, levels, key, steps=T, bootstrap=bootstrap)
    assert trace.terminated.any() and trace.truncated.any() and trace.solved.any()
    assert (trace.done & ~trace.solved).any() and int(trace.done.sum(axis=0).min()) > TURNS
    for column, rows in enumerate(columns):
        seen, *rest = zip(*rows, strict=True)
        wanted = jax.tree.map(lambda *leaves: np.stack(leaves), *seen)
        got = jax.tree.map(lambda leaf, c=column: leaf[:, c], trace.observation)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), got, wanted)
        for name, values in zip(trace._fields[1:9], rest, strict=True):
            ours = getattr(trace, name)[:, column]
            np.testing.assert_allclose(ours, values, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(trace.last_value, last, atol=1e-5)
    assert bool(trace.final_value.any()) == bootstrap


def test_one_turn_restarts_the_same_level():
    env = MAZE
    learner = PPO.of(env, STUDENT)
    state = learner.init(jax.random.key(0))
    levels = jax.jit(jax.vmap(env.space.sample))(jax.random.split(jax.random.key(1), B))
    once = jax.tree.map(lambda leaf: leaf[None], levels)
    actors = {"student": Actor(learner, state)}
    _, traces = eqx.filter_jit(rollout)(env, actors, once, jax.random.key(2), steps=T)
    trace = traces["student"]
    seen = jax.tree.map(np.asarray, trace.observation)
    ends = np.argwhere(np.asarray(trace.done)[:-1])
    assert len(ends) > B
    for t, column in ends:
        jax.tree.map(
            lambda leaf, t=t, c=column: np.testing.assert_array_equal(leaf[t + 1, c], leaf[0, c]),
            seen,
        )
