"""What every environment promises, checked for all of them."""

import json
from importlib.util import find_spec

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.catalogue import ENVIRONMENTS, find
from cairn.envs.protocol import Category, Continuous, Discrete, Image, Vector

SMALL = {"maze": {"width": 5, "height": 5, "walls": 3, "view": 3, "limit": 12}}
SMALL["tmazes"] = {**SMALL["maze"], "share": 0.5}
SMALL |= {"gymnax/CartPole-v1": {"limit": 12}, "gymnasium/CartPole-v1": {"limit": 12}}
NAMES = [*ENVIRONMENTS, "gymnasium/CartPole-v1"]
EDITORS = [f"{name}'s editor" for name in ("maze", "cartpole", "pendulum")]
NAMES += EDITORS
if find_spec("gymnax"):  # its import alone takes seconds
    NAMES.append(pytest.param("gymnax/CartPole-v1", marks=pytest.mark.slow))
BATCH = 4


def actions_of(spec, key):
    """One random action for each of the batch."""
    if isinstance(spec, Discrete):
        return jax.random.randint(key, (BATCH,), 0, spec.size)
    assert isinstance(spec, Continuous)
    low, high = jnp.array(spec.low, jnp.float32), jnp.array(spec.high, jnp.float32)
    return low[None] + (high - low)[None] * jax.random.uniform(key, (BATCH, spec.size))


class Case:
    """An environment with its functions compiled once."""

    def __init__(self, name):
        name, editor = name.removesuffix("'s editor"), name in EDITORS
        self.played = find(name)(**SMALL.get(name, {}))
        self.env = self.played.editor if editor else self.played
        space = self.env.space
        self.keys = jax.random.split(jax.random.key(3), BATCH)
        self.sample = jax.jit(jax.vmap(space.sample))
        self.mutate = jax.jit(jax.vmap(space.mutate))
        self.reset = jax.jit(jax.vmap(self.env.reset))
        self.step = jax.jit(jax.vmap(self.env.step))
        self.levels = self.sample(self.keys)
        self.state, self.observation = self.reset(self.keys, self.levels)
        self.actions = actions_of(self.env.action_spec, jax.random.key(5))

    def one(self, tree, index=0):
        return jax.tree.map(lambda leaf: leaf[index], tree)


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    return Case(request.param)


def shapes(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for one, two in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert one.dtype == two.dtype
        np.testing.assert_allclose(np.asarray(one), np.asarray(two), rtol=1e-5, atol=1e-6)


def test_observations_are_what_the_specification_says(case):
    played = case.step(case.keys, case.state, case.actions)
    is_spec = lambda leaf: isinstance(leaf, Image | Vector | Category)  # noqa: E731
    specs = jax.tree.leaves(case.env.observation_spec, is_leaf=is_spec)
    for observation in (case.observation, played.observation):
        leaves = jax.tree.leaves(observation)
        assert len(leaves) == len(specs)
        for leaf, spec in zip(leaves, specs, strict=True):
            if isinstance(spec, Category):
                assert (leaf.shape, leaf.dtype) == ((BATCH,), jnp.int32)
                assert ((leaf >= 0) & (leaf < spec.size)).all()
            else:
                shape = spec.shape if isinstance(spec, Image) else (spec.size,)
                assert (leaf.shape, leaf.dtype) == ((BATCH, *shape), jnp.float32)
    assert shapes(played.state) == shapes(case.state)
    assert (played.reward.dtype, played.terminated.dtype) == (jnp.float32, jnp.bool_)


@pytest.mark.slow
def test_compiled_and_mapped_is_the_same_as_plain_and_one_by_one(case):
    played = case.step(case.keys, case.state, case.actions)
    for index in range(2):
        level = case.one(case.levels, index)
        state, observation = case.env.reset(case.keys[index], level)
        equal((state, observation), case.one((case.state, case.observation), index))
        step = case.env.step(case.keys[index], state, case.actions[index])
        if case.env.exact_resume:
            equal(step, case.one(played, index))
        else:  # the state names an episode that is played elsewhere
            equal(step[1:], case.one(played, index)[1:])


def test_the_same_key_gives_the_same_and_another_key_another_level(case):
    again = case.sample(case.keys)
    equal(again, case.levels)
    other = case.sample(jax.random.split(jax.random.key(4), BATCH))
    leaves = zip(jax.tree.leaves(other), jax.tree.leaves(case.levels), strict=True)
    assert any((a != b).any() for a, b in leaves)


def test_edited_levels_have_the_structure_and_types_of_new_ones(case):
    edited = case.mutate(case.keys, case.levels)
    assert jax.tree.structure(edited) == jax.tree.structure(case.levels)
    assert jax.tree.leaves(shapes(edited)) == jax.tree.leaves(shapes(case.levels))
    state, _ = case.reset(case.keys, edited)
    assert shapes(state) == shapes(case.state)


def test_an_end_is_never_both_kinds_and_the_limit_always_truncates(case):
    state, alive = case.state, np.ones(BATCH, bool)
    for time in range(case.env.max_steps):
        actions = actions_of(case.env.action_spec, jax.random.key(time))
        played = case.step(case.keys, state, actions)
        state = played.state
        terminated, truncated = np.asarray(played.terminated), np.asarray(played.truncated)
        assert not (terminated & truncated).any()
        assert not truncated[alive].any() or time + 1 == case.env.max_steps
        alive &= ~terminated
    assert (truncated | terminated).all()


@pytest.mark.parametrize("case", EDITORS, indirect=True)
def test_an_editor_ends_at_its_last_step_and_has_made_a_level_that_can_be_played(case):
    def one(state, key):
        actions = actions_of(case.env.action_spec, key)
        played = jax.vmap(case.env.step)(jax.random.split(key, BATCH), state, actions)
        return played.state, (played.terminated, played.truncated, played.reward)

    def whole(state, keys):
        state, came = jax.lax.scan(one, state, keys)
        level = jax.vmap(case.env.level)(state)
        return level, came, jax.vmap(case.played.reset)(case.keys, level)[1]

    keys = jax.random.split(jax.random.key(8), case.env.max_steps)
    level, (terminated, truncated, reward), seen = jax.jit(whole)(case.state, keys)
    assert terminated[-1].all() and not terminated[:-1].any()
    assert not truncated.any() and not reward.any()
    usual = jax.eval_shape(jax.vmap(case.played.space.sample), case.keys)
    assert jax.tree.structure(level) == jax.tree.structure(usual)
    assert jax.tree.leaves(shapes(level)) == jax.tree.leaves(shapes(usual))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(seen))


def test_starts_that_need_no_key_ignore_it(case):
    other = case.reset(jax.random.split(jax.random.key(9), BATCH), case.levels)
    usual = case.state, case.observation  # what is drawn may be hidden, as a maze's heading
    leaves = zip(jax.tree.leaves(other), jax.tree.leaves(usual), strict=True)
    differs = any((np.asarray(a) != np.asarray(b)).any() for a, b in leaves)
    assert differs == case.env.random_start


def test_success_is_one_truth_value_for_each_episode(case):
    solved = case.env.solved(jnp.zeros(BATCH, jnp.float32), jnp.zeros(BATCH, bool))
    assert (solved.shape, solved.dtype) == ((BATCH,), jnp.bool_)


def test_a_description_of_a_level_survives_json(case):
    facts = case.env.space.describe(case.one(case.levels))
    assert json.loads(json.dumps(facts)) == facts


def test_there_is_a_suite_and_its_levels_can_be_played(case):
    name = case.env.suites()[0]
    suite = case.env.suite(name, jax.random.key(0))
    number = len(suite.levels)
    assert len(set(suite.levels)) == len(suite.groups) == len(suite.headline) == number
    assert sorted(set(suite.owner.tolist())) == list(range(number))
    assert (np.diff(suite.owner) >= 0).all()
    level = case.one(jax.tree.map(jnp.asarray, suite.variants))
    _, observation = suite.env.reset(case.keys[0], level)
    assert shapes(observation) == shapes(case.one(case.observation))
