"""The sampled game against exact values and a gradient computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.games import exact, finite, matrix
from cairn.games.finite import Rounds

IPD = jnp.asarray(matrix.named("ipd").table, jnp.float32)


def table(theta):
    return lambda seen, memory: (seen @ theta, memory)


def test_both_see_the_last_round_from_their_own_seat():
    # Tit for tat against always defect: the first round costs 3, every other 2.
    tit_for_tat, never = jnp.array([1.0, 1, -1, 1, -1]) * 30, -jnp.full(5, 30.0)
    drawn = finite.chance(1, 10, 8, jax.random.key(0))._replace(start=never)
    played = finite.trial(
        IPD, table(tit_for_tat), jnp.zeros((8, 0)), drawn, gamma=0.96, co_rate=0.0
    )
    assert played.mine[0] == pytest.approx(-2.1) and played.theirs[0] == pytest.approx(-1.8)
    turned = finite.trial(
        IPD, table(never), jnp.zeros((8, 0)), drawn._replace(start=tit_for_tat),
        gamma=0.96, co_rate=0.0,
    )  # fmt: skip
    assert turned.theirs[0] == pytest.approx(-2.1) and turned.mine[0] == pytest.approx(-1.8)


def test_long_episodes_meet_the_exact_value():
    theta = jax.random.normal(jax.random.key(1), (2, 5))
    drawn = finite.chance(1, 400, 200, jax.random.key(2))._replace(start=theta[1])
    played = finite.trial(IPD, table(theta[0]), jnp.zeros((200, 0)), drawn, gamma=1, co_rate=0)
    wanted = exact.rewards(IPD, theta, gamma=0.9975)
    assert np.array([played.mine[0], played.theirs[0]]) == pytest.approx(
        np.asarray(wanted), abs=0.02
    )


def test_the_gradient_of_two_rounds_by_hand():
    theta = jnp.zeros(5)
    seen = jnp.zeros((2, 2, 5)).at[0, :, 0].set(1).at[1, 0, 1].set(1).at[1, 1, 4].set(1)
    they = jnp.array([[True, False], [True, True]])
    theirs = jnp.array([[-1.0, -2.0], [-1.0, -3.0]])
    rounds = Rounds(seen, they, they, theirs, theirs)
    # To go at gamma 1/2: (-1.5, -3.5) then (-1, -3); less their means: (1, -1) both times.
    # At the start: (.5 * 1 + -.5 * -1) / 2; after CC .5 * 1 / 2; after DD .5 * -1 / 2.
    found = finite.policy_gradient(rounds, theta, 0.5)
    assert found == pytest.approx([0.5, 0.25, 0, 0, -0.25])


def test_a_memory_that_is_not_kept_is_empty_at_each_episode():
    def counts(seen, memory):
        return jnp.where(memory[:, 0] < 3, 30.0, -30.0), memory + 1

    drawn = finite.chance(2, 3, 4, jax.random.key(3))
    for keeps, second in ((True, 0.0), (False, 1.0)):
        played = finite.trial(
            IPD, counts, jnp.zeros((4, 1)), drawn, gamma=0.96, co_rate=1.0, keeps=keeps
        )
        assert played.cooperated[:, 0].tolist() == [1.0, second]
