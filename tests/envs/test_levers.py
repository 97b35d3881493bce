import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.levers import LeverLevel, Levers

KEY = jax.random.key(0)
ENV = Levers(levers=4, pay=2.0, hidden_pay=7.0)


def test_every_pull_of_every_level_pays_and_shows_what_the_rules_say():
    levels = [(n, shown) for shown in (True, False) for n in range(4)]
    pairs = list(itertools.product(levels, range(4)))
    batch = LeverLevel(
        jnp.array([level[0] for level, _ in pairs], jnp.int32),
        jnp.array([level[1] for level, _ in pairs]),
    )
    actions = jnp.array([action for _, action in pairs], jnp.int32)
    _, seen = jax.vmap(ENV.reset, (None, 0))(KEY, batch)
    played = jax.vmap(ENV.step, (None, 0, 0))(KEY, batch, actions)
    best = jax.vmap(ENV.optimal_return)(batch)
    for row, ((answer, shown), action) in enumerate(pairs):
        stake = 2.0 if shown else 7.0
        assert played.reward[row] == (stake if action == answer else -stake)
        assert best[row] == stake
        wanted = [0.0] * 5
        wanted[answer if shown else 4] = 1.0
        assert seen[row].tolist() == wanted
    assert played.terminated.all() and not played.truncated.any()


def test_levels_that_are_not_shown_look_all_alike_and_the_suites_hold_either_kind_whole():
    for name in ENV.suites():
        suite = ENV.suite(name, KEY)
        assert suite.variants.answer.tolist() == [0, 1, 2, 3]
        assert (suite.variants.visible == (name == "visible")).all()
        seen = jax.vmap(ENV.observe)(jax.tree.map(jnp.asarray, suite.variants))
        assert len({row.tobytes() for row in np.asarray(seen)}) == (4 if name == "visible" else 1)
    with pytest.raises(ConfigError, match=r"no test suite 'random'. Expected one of visible, inv"):
        ENV.suite("random", KEY)


def test_levels_are_drawn_evenly_and_shown_as_often_as_is_said():
    env = Levers(levers=4, shown=0.25)
    drawn = jax.jit(jax.vmap(env.space.sample))(jax.random.split(KEY, 2000))
    assert abs(float(drawn.visible.mean()) - 0.25) < 0.04
    assert np.bincount(drawn.answer, minlength=4).min() > 430


def test_what_is_no_game_is_refused():
    for wrong, message in (
        ({"levers": 1}, "levers must be at least 2, got 1"),
        ({"shown": 1.5}, r"shown must lie in \[0, 1\], got 1.5"),
        ({"hidden_pay": 0.0}, "must be positive, got 1.0 and 0.0"),
    ):
        with pytest.raises(ConfigError, match=message):
            Levers(**wrong)
