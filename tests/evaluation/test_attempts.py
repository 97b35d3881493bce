import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.keys import stream
from cairn.envs.cartpole import CartPole
from cairn.envs.maze.env import Maze
from cairn.envs.maze.solve import action_map, best_action, optimal_actions
from cairn.envs.protocol import Category, Discrete, Step
from cairn.evaluation.attempts import attempt
from cairn.evaluation.evaluate import draw_variants, evaluate
from cairn.learners.protocol import Acted
from cairn.learners.random import Nothing, RandomPolicy

N, COUNT = 11, 9
ENVS = {
    "maze": Maze(width=5, height=5, walls=3, view=3, limit=60),
    "cartpole": CartPole(limit=25),
}


def attempts_of(env, columns, count=COUNT, learner=None):
    levels = jax.vmap(env.space.sample)(jax.random.split(jax.random.key(1), N))
    keys = jax.random.split(jax.random.key(2), N)
    learner = learner or RandomPolicy(env.action_spec)
    run = jax.jit(partial(attempt, env, learner, Nothing(), columns=columns))
    return levels, keys, run(levels, keys, jnp.int32(count))


def plain_loop(env, levels, keys, index):
    """The first episode of one attempt, a step at a time, by the promised keys."""
    reset, step = jax.jit(env.reset), jax.jit(env.step)
    key = keys[index]
    state, _ = reset(stream(key, "reset"), jax.tree.map(lambda leaf: leaf[index], levels))
    total, time = np.float32(0), 0
    while True:
        uniform = jax.random.uniform(stream(key, "act", time))
        action = jnp.int32(min(int(uniform * env.actions), env.actions - 1))
        played = step(stream(key, "step", time), state, action)
        state, total, time = played.state, total + np.float32(played.reward), time + 1
        if played.terminated or played.truncated:
            return bool(env.solved(jnp.float32(total), played.terminated)), total, time


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVS)
def test_every_attempt_is_its_first_episode_and_nothing_more(name):
    env = ENVS[name]
    levels, keys, got = attempts_of(env, columns=3)
    expected = [plain_loop(env, levels, keys, index) for index in range(COUNT)]
    solved, returns, lengths = zip(*expected, strict=True)
    assert got.solved[:COUNT].tolist() == list(solved)
    np.testing.assert_allclose(got.episode_return[:COUNT], returns, rtol=1e-5)
    assert got.length[:COUNT].tolist() == list(lengths)
    assert len(set(lengths)) > 2  # columns were refilled at different times


def test_attempts_beyond_the_count_are_never_begun():
    _, _, got = attempts_of(ENVS["maze"], columns=3)
    for field in got[:3]:
        assert not np.asarray(field[COUNT:]).any()


@pytest.mark.parametrize("columns", [1, 4, 16])
def test_results_do_not_depend_on_the_number_of_columns(columns):
    _, _, three = attempts_of(ENVS["maze"], columns=3)
    _, _, other = attempts_of(ENVS["maze"], columns=columns)
    for one, two in zip(three[:3], other[:3], strict=True):
        np.testing.assert_array_equal(one, two)


class Rhythm(RandomPolicy):
    """Pushes by the parity of the steps it remembers, and the longer the surer to the right."""

    def initial_memory(self, state, batch):
        return jnp.zeros(batch, jnp.int32)

    def act(self, state, observation, memory, reset, uniform):
        memory = jnp.where(reset, 0, memory) + 1
        right = (memory % 2 == 0) | (memory > 12)
        zeros = jnp.zeros_like(uniform)
        return Acted(right.astype(jnp.int32), zeros, zeros, memory)


def test_memory_is_empty_at_the_start_of_every_attempt():
    # One column is refilled eight times, nine columns never.
    _, _, one = attempts_of(ENVS["cartpole"], columns=1, learner=Rhythm(Discrete(2)))
    _, _, nine = attempts_of(ENVS["cartpole"], columns=9, learner=Rhythm(Discrete(2)))
    assert one.length.tolist() == nine.length.tolist()
    assert len(set(one.length[:COUNT].tolist())) > 3


def test_steps_are_those_of_columns_that_take_the_next_attempt_when_free():
    _, _, got = attempts_of(ENVS["maze"], columns=3)
    free_at = [0, 0, 0]
    for length in got.length[:COUNT].tolist():
        column = free_at.index(min(free_at))
        free_at[column] += length
    assert got.steps == 3 * max(free_at)


class Endless(CartPole):
    """Forgets its time limit."""

    def step(self, key, state, action):
        played = super().step(key, state, action)
        never = jnp.array(False)
        return played._replace(terminated=never, truncated=never)


def test_an_environment_that_forgets_its_limit_is_cut_and_not_solved():
    _, _, got = attempts_of(Endless(limit=5), columns=3)
    assert got.length[:COUNT].tolist() == [5] * COUNT
    assert not got.solved.any()


class Guided(Maze):
    """A maze that shows nothing but the best action."""

    @property
    def observation_spec(self):
        return Category(3)

    def reset(self, key, level):
        state, _ = super().reset(key, level)
        guided = (state, action_map(level.walls, level.goal))
        return guided, self.show(guided)

    def step(self, key, state, action):
        played = super().step(key, state[0], action)
        guided = (played.state, state[1])
        return Step(guided, self.show(guided), *played[2:])

    def show(self, state):
        return best_action(state[1], state[0].agent, state[0].heading)


class Obedient(RandomPolicy):
    """Does what it sees."""

    def act(self, state, observation, memory, reset, uniform):
        return Acted(observation, jnp.zeros_like(uniform), jnp.zeros_like(uniform), None)


@pytest.mark.slow
def test_the_shortest_way_solves_all_ten_mazes_and_is_paid_for_its_length():
    suite = Maze().suite("named", jax.random.key(0))
    guide = Guided(**{f.name: getattr(suite.env, f.name) for f in dataclasses.fields(suite.env)})
    outcome = evaluate(Obedient(Discrete(7)), Nothing(), [suite._replace(env=guide)], attempts=3)[
        "named"
    ]
    assert outcome.solved.all()
    returns = 1 - 0.9 * outcome.length / 250
    np.testing.assert_allclose(outcome.episode_return, returns, rtol=1e-6)
    actions = np.asarray(
        jax.jit(jax.vmap(optimal_actions))(jax.tree.map(jnp.asarray, suite.variants))
    )
    for index, name in enumerate(suite.levels):
        own = set(actions[suite.owner == index].tolist())
        assert set(outcome.length[0, index].tolist()) <= own, name
    fixed = dict(zip(suite.levels, outcome.length[0, :, 0].tolist(), strict=True))
    assert [fixed[n] for n in ("SixteenRooms", "Labyrinth", "StandardMaze")] == [26, 113, 54]


def random_walks(levels, attempts, limit, seed):
    """Solve rate of uniformly random actions, in NumPy."""
    generator = np.random.default_rng(seed)
    walls, agent, heading, goal = (np.repeat(np.asarray(f), attempts, axis=0) for f in levels)
    walls = np.pad(walls, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    agent, goal, number = agent + 1, goal + 1, np.arange(len(agent))
    agent, heading = agent.copy(), heading.copy()
    solved = np.zeros(len(agent), bool)
    way = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
    for _ in range(limit):
        action = generator.integers(0, 7, len(agent))
        front = agent + way[heading]
        solved |= (action == 2) & (front == goal).all(axis=1)
        free = ~walls[number, front[:, 1], front[:, 0]] & (front != goal).any(axis=1)
        agent = np.where(((action == 2) & free)[:, None], front, agent)
        heading = (heading + (action == 1) - (action == 0)) % 4
    return solved.reshape(-1, attempts)


@pytest.mark.slow
def test_a_random_policy_solves_as_many_mazes_as_random_walks_in_numpy():
    suite = Maze().suite("random", jax.random.key(3))
    got = evaluate(RandomPolicy(Discrete(7)), Nothing(), [suite], attempts=20)["random"].scores[0]
    expected = random_walks(suite.variants, 20, 250, seed=0).mean(axis=1)
    error = (got - expected).std() / np.sqrt(len(got))
    assert abs(got.mean() - expected.mean()) < 4 * error
    assert np.corrcoef(got, expected)[0, 1] > 0.8


def test_variants_are_drawn_among_the_levels_own():
    suite = Maze().suite("named", jax.random.key(0))
    drawn = draw_variants(suite, jax.random.key(1), 1000)
    assert (suite.owner[drawn] == np.arange(10)[:, None]).all()
    for index in range(10):
        assert set(drawn[index]) == set(np.flatnonzero(suite.owner == index))
