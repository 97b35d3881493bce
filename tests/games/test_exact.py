"""Exact values against hand-computed ones, and learners against finite differences."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.games import differentiable, exact, matrix, tasks

IPD = jnp.asarray(matrix.named("ipd").table, jnp.float32)


def logits(*chances):
    return np.log(np.clip(chances, 1e-7, 1) / np.clip(1 - np.asarray(chances), 1e-7, 1))


ALL_C, ALL_D = logits(1, 1, 1, 1, 1), logits(0, 0, 0, 0, 0)
TIT_FOR_TAT, WIN_STAY = logits(1, 1, 0, 1, 0), logits(1, 1, 0, 0, 1)
EXTORT = logits(0, 0.9, 0.5, 0.4, 0)


@pytest.mark.parametrize(
    ("one", "two", "values"),
    [
        (ALL_C, ALL_C, (-1, -1)),
        (ALL_D, ALL_C, (0, -3)),
        (TIT_FOR_TAT, ALL_D, (-2.04, -1.92)),
        (WIN_STAY, ALL_D, (-2.5102, -0.9796)),
        (EXTORT, ALL_C, (-0.7385, -1.5231)),
        (logits(*[0.5] * 5), logits(*[0.5] * 5), (-1.5, -1.5)),
    ],
)
def test_values_of_the_prisoners_dilemma(one, two, values):
    found = exact.rewards(IPD, jnp.asarray(np.stack([one, two]), jnp.float32))
    assert found == pytest.approx(values, abs=1e-3)
    turned = exact.rewards(IPD, jnp.asarray(np.stack([two, one]), jnp.float32))
    assert turned == pytest.approx(values[::-1], abs=1e-3)  # the second sees CD and DC swapped


def test_a_zero_determinant_player_fixes_the_line_of_payoffs():
    chances = exact.zero_determinant(0.5, -2.0, 0.2, (-1, -3, 0, -2))
    assert chances == pytest.approx([0.9, 0.5, 0.4, 0.0])
    rng = np.random.default_rng(0)
    me = logits(0.0, *chances)
    for _ in range(5):
        other = rng.normal(size=5)
        mine, theirs = exact.rewards(IPD, jnp.asarray(np.stack([me, other])), gamma=0.999)
        assert 0.5 * (float(mine) + 2) == pytest.approx(float(theirs) + 2, abs=5e-3)


def test_three_players_against_the_sum_over_rounds():
    game = matrix.dilemma(3)
    rng, gamma = np.random.default_rng(1), 0.9
    theta = rng.normal(size=(3, 9))
    seats = exact.seats(3)
    assert seats[0].tolist() == list(range(8))
    assert seats[1][0b011] == 0b110  # the second sees its own action first, then the third's
    chance = 1 / (1 + np.exp(-theta))
    state, total = {None: 1.0}, np.zeros(3)
    for step in range(200):
        after: dict = dict.fromkeys(range(8), 0.0)
        for last, mass in state.items():
            own = [chance[i, 0 if last is None else 1 + seats[i][last]] for i in range(3)]
            for joint in range(8):
                acts = [(joint >> (2 - i)) & 1 for i in range(3)]
                after[joint] += mass * np.prod(
                    [1 - own[i] if acts[i] else own[i] for i in range(3)]
                )
        state = after
        total += gamma**step * sum(state[j] * game.table[:, j] for j in range(8))
    found = exact.values(jnp.asarray(game.table), jnp.asarray(theta), gamma)
    assert found == pytest.approx(total, rel=1e-4)


def values(theta):
    return exact.values(IPD, theta, 0.8)


@pytest.mark.slow
def test_lola_is_the_first_order_of_what_the_other_will_learn():
    theta = jax.random.normal(jax.random.key(2), (2, 5))

    def slope(eta, through):
        def after(mine):
            both = theta.at[0].set(mine)
            step = differentiable.naive(values, both if through else theta)[1]
            return values(both.at[1].add(eta * step))[0]

        return jax.grad(after)(theta[0])

    plain = differentiable.naive(values, theta)[0]
    full = (differentiable.lola_step(values, theta, 1.0, 1.0) - theta)[0] - plain
    for through, got in ((True, full), (False, differentiable.look_ahead(values, theta)[0])):
        wanted = np.asarray((slope(0.05, through) - slope(-0.05, through)) / 0.1)
        most = float(np.abs(wanted).max())
        assert np.asarray(got) == pytest.approx(wanted, abs=0.02 * most)


@pytest.mark.slow
def test_without_a_thought_of_the_others_all_are_naive_and_the_original_form_adds_up():
    theta = jax.random.normal(jax.random.key(3), (2, 5))
    naive = differentiable.naive_step(values, theta, 0.5)
    original = partial(differentiable.lola_step, full=False)
    steps = (differentiable.look_ahead_step, differentiable.lola_step, original)
    for step in (*steps, differentiable.sos_step):
        assert jnp.allclose(step(values, theta, 0.5, 0.0), naive)
    parts = differentiable.look_ahead(values, theta) + differentiable.shaping(values, theta)
    full = differentiable.lola_step(values, theta, 1.0, 1.0) - theta
    assert jnp.allclose(full, differentiable.naive(values, theta) + parts, atol=1e-4)


@pytest.mark.slow
def test_sos_stays_at_a_stable_fixed_point_and_does_not_turn_back_from_look_ahead():
    def saddle(theta):  # both want 0: a stable fixed point that LOLA leaves
        x, y = theta[0, 0], theta[1, 0]
        return jnp.stack([-(x**2) / 2 + 2 * x * y, -(y**2) / 2 - 2 * x * y])

    def step(theta, _):
        return differentiable.sos_step(saddle, theta, 0.05, 0.5), None

    theta, _ = jax.lax.scan(step, jnp.full((2, 1), 0.3), None, 200)
    assert jnp.abs(theta).max() < 1e-2
    shaped = jax.random.normal(jax.random.key(4), (2, 5))
    safe = differentiable.look_ahead_step(values, shaped, 1.0, 1.0) - shaped
    step = differentiable.sos_step(values, shaped, 1.0, 1.0) - shaped
    assert jnp.sum(step * safe) >= 0.5 * jnp.sum(safe**2) - 1e-3  # a = 1/2


def test_games_are_what_their_sources_say():
    assert matrix.dilemma(2).table.tolist() == [[2, 0, 3, 1], [2, 3, 0, 1]]
    three = matrix.dilemma(3)
    assert three.payoffs[0, 0, 0, 0] == 4 and three.payoffs[0, 1, 1, 1] == 1
    assert three.payoffs[0, 0, 1, 1] == 0 and three.payoffs[0, 1, 0, 0] == 5
    assert matrix.majority(3).payoffs[0, 0, 0, 1] == 3
    assert matrix.snowdrift(3).payoffs[0, 0, 0, 0] == pytest.approx(2 - 1 / 3)
    assert np.allclose(matrix.named("pennies").table.sum(0), 0)
    for name in (*matrix.GAMES, "public-goods-5"):
        matrix.named(name).check()


def test_what_is_no_game_is_one_clear_line():
    with pytest.raises(ConfigError, match=r"Unknown game 'ipdd'.*Did you mean"):
        matrix.named("ipdd")
    with pytest.raises(ConfigError, match="are no game"):
        matrix.MatrixGame("mine", np.zeros((2, 2, 3))).check()
    with pytest.raises(ConfigError, match="finite"):
        matrix.symmetric("mine", 1, np.nan, 0, 0).check()
    with pytest.raises(ConfigError, match="players must"):
        tasks.Dilemma(players=9)
    with pytest.raises(ConfigError, match="gamma must"):
        tasks.Ipd(gamma=1.0)
