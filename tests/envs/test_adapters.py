"""Other people's environments step as their packages do, and say what is missing."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.cli.main import main
from cairn.core import axes
from cairn.core.errors import ConfigError, MissingExtraError
from cairn.envs import catalogue
from cairn.envs.adapters import pool, seeded
from cairn.envs.protocol import Category, Continuous, Discrete, Image, Vector

COLUMNS = 3


class Played:
    """Columns of an environment with its functions compiled once."""

    def __init__(self, name, **settings):
        self.env = catalogue.find(name)(**settings)
        self.keys = jax.random.split(jax.random.key(5), COLUMNS)
        self.seeds = jnp.arange(COLUMNS, dtype=jnp.uint32) + 7
        self.reset = jax.jit(jax.vmap(self.env.reset))
        self.step = jax.jit(jax.vmap(self.env.step))


@pytest.fixture(scope="module")
def pole():
    return Played("gymnasium/CartPole-v1", limit=30)


@pytest.mark.slow
def test_gymnax_steps_are_the_packages_own_and_its_limit_truncates():
    gymnax = pytest.importorskip("gymnax")
    ours = Played("gymnax/CartPole-v1", limit=25)
    with seeded.foreign():
        env, params = gymnax.make("CartPole-v1")
        params = params.replace(max_steps_in_episode=25)
        raw = jax.jit(jax.vmap(lambda seed: env.reset(jax.random.PRNGKey(seed), params)))
        own_seen, own_state = raw(ours.seeds)
        one = lambda key, *rest: env.step(jax.random.key_data(key), *rest, params)  # noqa: E731
        step = jax.jit(jax.vmap(one))
    state, seen = ours.reset(ours.keys, ours.seeds)
    np.testing.assert_allclose(seen, own_seen, rtol=1e-6)
    over, ends = np.zeros(COLUMNS, bool), []
    for time in range(25):
        action = jnp.asarray([time % 2, (time + 1) % 2, 1], jnp.int32)
        played = ours.step(ours.keys, state, action)
        with seeded.foreign():
            _, own_state, reward, terminated, truncated, info = step(ours.keys, own_state, action)
        state = played.state
        alive = ~over
        for mine, its in (
            (played.observation, info["final_observation"]),
            (played.reward, reward),
            (played.terminated, terminated),
            (played.truncated, truncated & ~terminated),
        ):
            np.testing.assert_allclose(
                np.asarray(mine)[alive], np.asarray(its)[alive], rtol=1e-5, atol=1e-6
            )
        ends += [
            (bool(t), time)
            for t in np.asarray(played.terminated)[
                alive & np.asarray(played.terminated | played.truncated)
            ]
        ]
        over |= np.asarray(played.terminated | played.truncated)
    assert {kind for kind, _ in ends} == {True, False}  # one falls, another meets the limit


@pytest.mark.parametrize(
    ("name", "settings", "observation", "action"),
    [
        ("CartPole-v1", {"limit": 30}, Vector(4), Discrete(2)),
        ("Pendulum-v1", {"limit": 30}, Vector(3), Continuous((-2.0,), (2.0,))),
        ("FrozenLake-v1", {"limit": 30}, Category(16), Discrete(4)),
        ("minigrid:MiniGrid-Empty-5x5-v0", {"limit": 30}, Vector(151), Discrete(7)),
    ],
)
def test_gymnasium_steps_are_the_packages_own(name, settings, observation, action):
    gymnasium = pytest.importorskip("gymnasium")
    ours = Played(f"gymnasium/{name}", **settings)
    assert (ours.env.observation_spec, ours.env.action_spec) == (observation, action)
    own = [gymnasium.make(name, max_episode_steps=30) for _ in range(COLUMNS)]
    if not isinstance(own[0].observation_space, gymnasium.spaces.Box | gymnasium.spaces.Discrete):
        own = [gymnasium.wrappers.FilterObservation(env, ["direction", "image"]) for env in own]
        own = [gymnasium.wrappers.FlattenObservation(env) for env in own]
    state, seen = ours.reset(ours.keys, ours.seeds)
    for column, env in enumerate(own):
        first, _ = env.reset(seed=int(ours.seeds[column]))
        np.testing.assert_array_equal(seen[column], np.asarray(first, seen.dtype))
    random, over = np.random.default_rng(0), np.zeros(COLUMNS, bool)
    for _ in range(30):
        if isinstance(action, Discrete):
            actions = random.integers(0, action.size, COLUMNS).astype(np.int32)
        else:
            actions = random.uniform(-2, 2, (COLUMNS, action.size)).astype(np.float32)
        played = ours.step(ours.keys, state, jnp.asarray(actions))
        state = played.state
        for column in np.flatnonzero(~over):
            seen, reward, terminated, truncated, _ = own[column].step(actions[column])
            np.testing.assert_array_equal(
                played.observation[column], np.asarray(seen, played.observation.dtype)
            )
            assert played.reward[column] == np.float32(reward)
            assert played.terminated[column] == terminated
            assert played.truncated[column] == (truncated and not terminated)
        over |= np.asarray(played.terminated | played.truncated)
    assert over.all()


def test_an_episode_that_is_over_on_the_host_stays_as_it_is(pole):
    state, _ = pole.reset(pole.keys, pole.seeds)
    right = jnp.ones(COLUMNS, jnp.int32)
    played = pole.step(pole.keys, state, right)
    for _ in range(29):
        played = pole.step(pole.keys, played.state, right)
    assert played.terminated.all() and (played.reward == 0).all()
    again = pole.step(pole.keys, played.state, right)
    np.testing.assert_array_equal(again.observation, played.observation)
    assert again.terminated.all() and not again.truncated.any()


def test_a_state_on_the_host_can_be_stepped_more_than_once(pole):
    left, right = jnp.zeros(COLUMNS, jnp.int32), jnp.ones(COLUMNS, jnp.int32)
    state, _ = pole.reset(pole.keys, pole.seeds)
    middle = pole.step(pole.keys, state, left).state
    one = pole.step(pole.keys, middle, right)
    pole.step(pole.keys, one.state, right)
    other = pole.step(pole.keys, middle, left)
    same = pole.step(pole.keys, middle, right)
    np.testing.assert_array_equal(one.observation, same.observation)
    assert (one.observation != other.observation).any()
    following = pole.step(pole.keys, other.state, left)
    assert not (following.terminated | following.truncated).any()


def test_what_the_host_gave_up_or_never_had_is_cut_not_invented():
    few = pool.Pool("CartPole-v1", 30, 1)
    zeros = np.zeros(2, np.int32)
    seen = few.first(np.arange(2, dtype=np.uint32))
    handles = [few.step(zeros, zeros.astype(np.uint32), zeros, seen, zeros)[0] for _ in range(3)]
    oldest, newest = handles[0], handles[-1]
    cut, stays, reward = few.step(oldest, zeros, zeros + 1, seen, zeros)
    assert (cut == pool.CUT).all() and (reward == 0).all()
    np.testing.assert_array_equal(stays, seen)
    on, _, _ = few.step(newest, zeros, zeros + 1, seen, zeros)
    assert (on == newest).all()
    other = np.full(2, 9, np.uint32)  # such handles are of another process, which is gone
    cut, _, _ = few.step(newest, other, zeros + 2, seen, zeros)
    assert (cut == pool.CUT).all()


def test_what_several_devices_step_in_turns_is_not_given_up():
    few, devices, columns = pool.Pool("CartPole-v1", 30, 1), 3, np.arange(2, dtype=np.uint32)
    seen, zeros = few.first(columns), np.zeros(2, np.int32)
    handles = [zeros] * devices
    for time in range(2):
        for device in range(devices):
            handles[device], _, _ = few.step(
                handles[device], columns, zeros + time, seen, zeros, sharers=devices
            )
    assert (np.concatenate(handles) > 0).all()


@pytest.mark.parametrize("axis", [axes.COLUMNS, axes.SEEDS])
def test_the_pool_is_told_how_many_devices_share_it(pole, monkeypatch, axis):
    told, step = [], pool.Pool.step

    def spy(self, *columns, sharers):
        told.append(sharers)
        return step(self, *columns)

    monkeypatch.setattr(pool.Pool, "step", spy)
    (state, _), left = pole.reset(pole.keys, pole.seeds), jnp.zeros(COLUMNS, jnp.int32)
    jax.vmap(pole.env.step, axis_name=axis)(pole.keys, state, left)
    jax.vmap(pole.env.step)(pole.keys, state, left)
    assert told == [COLUMNS, 1]


def test_levels_are_seeds_and_an_edit_is_another_draw():
    space = seeded.Seeds()
    level = space.sample(jax.random.key(0))
    assert (level.dtype, level.shape) == (jnp.uint32, ())
    assert space.mutate(jax.random.key(1), level) != level
    assert space.describe(level) == {"seed": int(level)}


def test_success_is_the_threshold_of_the_package_where_it_has_one(pole):
    returns, ends = jnp.asarray([474.0, 475.0], jnp.float32), jnp.zeros(2, bool)
    assert pole.env.solved(returns, ends).tolist() == [False, True]


def test_saved_settings_make_the_same_environment_again():
    name = "gymnasium/CartPole-v1"
    env = catalogue.find(name)(**{"limit": 30})
    saved = json.loads(json.dumps(catalogue.settings(env)))
    again = catalogue.find(name)(**saved)
    assert again == env and again.max_steps == 30


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("gymnax/Acrobot-v1", "gymnax"),
        ("gymnasium/Acrobot-v1", "gymnasium"),
        ("craftax", "craftax"),
        ("craftax-classic", "craftax"),
    ],
)
def test_a_missing_package_is_one_line_with_the_install_line(name, package, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=f"uv sync --extra {package}"):
        catalogue.find(name)()
    with pytest.raises(SystemExit) as end:
        main(["train", name])
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.count("\n") == 1 and f"cairn[{package}]" in error


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("gymnasium/CartPole-v77", {}, "CartPole"),
        ("gymnasium/no_such_module:X-v0", {}, "no_such_module"),
        ("gymnasium/CartPole-v1", {"limit": -1}, "limit must not be negative, got -1"),
        ("gymnasium/CartPole-v1", {"kept": 0}, "kept must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_made_says_why_in_one_line(name, settings, told):
    with pytest.raises(ConfigError, match=told):
        catalogue.find(name)(**settings)


class Box:
    def __init__(self, low, high, shape):
        self.low, self.high, self.shape = np.float32(low), np.float32(high), shape


def test_spaces_become_specs_or_a_refusal():
    assert seeded.observation_spec(Box(0, 1, (10, 8, 3)), "x") == Image((10, 8, 3))
    assert seeded.observation_spec(Box(0, 1, (2, 8, 3)), "x") == Vector(48)
    assert seeded.action_spec(Box(-1, 1, (2, 2)), "x") == Continuous((-1.0,) * 4, (1.0,) * 4)
    with pytest.raises(ConfigError, match="finite bounds"):
        seeded.action_spec(Box(-np.inf, np.inf, (1,)), "x")
    with pytest.raises(ConfigError, match="Discrete or Box"):
        seeded.action_spec(object(), "x")


@pytest.mark.slow
def test_a_run_on_the_host_trains_and_says_that_it_does_not_resume_exactly(tmp_path, capsys):
    run = str(tmp_path / "run")
    small = "--memory none --hidden 4 --head 4 --epochs 1 --minibatches 1 --batch 2 --turns 1"
    small += " --steps-per-cycle 16 --steps 64 --log-every 1 --evaluate-every 0 --limit 10"
    for command in (
        ["train", "gymnasium/CartPole-v1", "--run", run, *small.split()],
        ["train", "--resume", run],
    ):
        with pytest.raises(SystemExit) as end:
            main(command)
        told = capsys.readouterr().out
        assert end.value.code == 0, told
        if "--run" in command:
            assert "not bit for bit" in told
    versions = json.loads((tmp_path / "run" / "versions.json").read_text())
    assert versions["gymnasium"]
