import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.maze.rules import FORWARD, LEFT, RIGHT
from cairn.envs.tmazes import TMazes

KEY = jax.random.key(0)
ENV = TMazes(width=9, height=9, view=3, walls=10, limit=20, stake=2.0)
N = 32


@pytest.fixture(scope="module")
def played():
    """Hidden levels, each with what is seen and paid along some ways."""
    levels = jax.jit(jax.vmap(lambda k: ENV.space.of_kind(k, jnp.bool_(True))))(
        jax.random.split(KEY, N)
    )

    @jax.jit
    def along(actions):
        state, first = jax.vmap(ENV.reset, (None, 0))(KEY, levels)

        def step(state, action):
            step = jax.vmap(lambda s: ENV.step(KEY, s, action))(state)
            return step.state, step

        return first, jax.lax.scan(step, state, actions)[1]

    ways = {
        "left": [LEFT, FORWARD],
        "right": [RIGHT, FORWARD],
        "about": [FORWARD, RIGHT, RIGHT, FORWARD, RIGHT, RIGHT],
    }
    # One length, one program.
    longest = max(map(len, ways.values()))
    padded = {name: way + [6] * (longest - len(way)) for name, way in ways.items()}
    return levels, {name: along(jnp.array(way, jnp.int32)) for name, way in padded.items()}, ways


def test_nothing_tells_the_sides_apart_before_the_walk(played):
    levels, ways, _ = played
    first, steps = ways["about"]
    assert len({np.asarray(walls).tobytes() for walls in levels.maze.walls}) == N
    for heading in range(4):  # the compass is all that differs
        some = np.asarray(levels.maze.heading) == heading
        assert some.sum() > 2
        for seen in (first.image[some], *np.asarray(steps.observation.image)[:, some]):
            assert (np.asarray(seen) == np.asarray(seen)[:1]).all()
    assert not steps.terminated.any() and not steps.reward.any()
    sides = np.asarray(levels.maze.goal - levels.maze.agent)
    assert (np.abs(sides).sum(axis=1) == 1).all()


def test_the_right_side_pays_the_stake_the_wrong_one_takes_it_and_both_end(played):
    levels, ways, lengths = played
    paid = {name: np.asarray(ways[name][1].reward) for name in ("left", "right")}
    last = len(lengths["left"]) - 1
    for name in paid:
        assert not paid[name][:last].any()
        assert (np.abs(paid[name][last]) == 2.0).all()
        assert np.asarray(ways[name][1].terminated)[last].all()
    assert (paid["left"][last] == -paid["right"][last]).all()
    assert 5 < (paid["left"][last] > 0).sum() < N - 5
    best = jax.vmap(ENV.optimal_return)(levels)
    assert (np.asarray(best) == 2.0).all()


def test_mazes_are_the_maze_s_own_in_every_respect():
    maze = ENV.maze

    @jax.jit
    def both(key):
        level = ENV.space.of_kind(key, jnp.bool_(False))
        ours, theirs = ENV.reset(key, level), maze.reset(key, level.maze)
        actions = jax.random.randint(key, (19,), 0, 3, jnp.int32)

        def step(states, action):
            a, b = ENV.step(KEY, states[0], action), maze.step(KEY, states[1], action)
            same = (a.observation, a.reward, a.terminated), (b.observation, b.reward, b.terminated)
            return (a.state, b.state), same

        shown = jax.lax.scan(step, (ours[0], theirs[0]), actions)[1]
        best = ENV.optimal_return(level), maze.optimal_return(level.maze)
        return (shown, (ours[1], theirs[1]), best)

    for ours, theirs in jax.vmap(both)(jax.random.split(KEY, 8)):
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_levels_are_hidden_as_often_as_is_said_and_edits_keep_the_kind():
    env = TMazes(width=5, height=5, view=3, walls=3, share=0.25)
    keys = jax.random.split(KEY, 1000)
    drawn, edited = jax.jit(
        jax.vmap(lambda k: (level := env.space.sample(k), env.space.mutate(k, level)))
    )(keys)
    assert abs(float(drawn.hidden.mean()) - 0.25) < 0.05
    assert (drawn.hidden == edited.hidden).all()
    changed = (drawn.maze.walls != edited.maze.walls).any(axis=(1, 2))
    assert changed[~drawn.hidden].any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"share": -1.0}, "share must lie"),
        ({"stake": 0.0}, "stake must be"),
        # Its sides could be walls, or lie outside of a maze of two cells by two.
        ({"view": 1}, "view must be at least 3, got 1"),
        # What `optimal_return` says could not be had.
        ({"limit": 1}, "limit must be at least 2, got 1"),
    ],
)
def test_what_is_no_choice_between_two_sides_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        TMazes(**wrong)
