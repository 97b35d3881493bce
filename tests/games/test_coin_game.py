"""The coin game by hand, and among players whose returns are known."""

import jax
import jax.numpy as jnp
import pytest

from cairn.games.coin_game import Board, CoinGame, own_share

GAME = CoinGame()
KEY = jax.random.key(0)


def board(players, coins):
    return Board(
        jnp.array(players), jnp.array(coins), jnp.zeros((), jnp.int32), jnp.zeros((2, 2), bool)
    )


@pytest.mark.parametrize(
    ("players", "coins", "actions", "rewards"),
    [
        ((0, 8), (1, 4), (0, 4), (1, 0)),  # the own coin to the right
        ((0, 8), (4, 1), (0, 4), (1, -2)),  # the other's
        ((0, 2), (1, 5), (0, 1), (-1, 1)),  # both on the first player's coin
        ((0, 8), (2, 4), (1, 4), (1, 0)),  # round the torus
        ((4, 8), (4, 0), (4, 4), (1, 0)),  # staying on a coin takes it
        ((4, 4), (4, 4), (4, 4), (0, 0)),  # each both: 2 - 2
    ],
)
def test_who_gets_what(players, coins, actions, rewards):
    step = GAME.step(KEY, board(players, coins), tuple(map(jnp.int32, actions)))
    assert tuple(map(float, step.reward)) == rewards
    moved = [c != o for c, o in zip(step.state.coins.tolist(), coins, strict=True)]
    assert not any(m and not t for m, t in zip(moved, step.state.took.any(0).tolist(), strict=True))


def test_each_sees_itself_first_and_may_sit_in_the_middle():
    here = board((0, 8), (1, 4))
    one, two = GAME.observe(here)
    assert one[0, 0, 0] == 1 and one[2, 2, 1] == 1 and one[0, 1, 2] == 1 and one[1, 1, 3] == 1
    assert two[2, 2, 0] == 1 and two[0, 0, 1] == 1 and two[1, 1, 2] == 1 and two[0, 1, 3] == 1
    one, two = CoinGame(sight="egocentric").observe(here)
    assert one[1, 1, 0] == 1 and one[1, 2, 2] == 1 and two[1, 1, 0] == 1 and two[0, 0, 2] == 1


def nearest(mine, coins, key):
    """A step towards the nearest of some coins, ties at random."""
    side = GAME.side
    rows = jnp.array([0, 0, 1, -1, 0]) + mine // side
    columns = jnp.array([1, -1, 0, 0, 0]) + mine % side

    def far(coin):
        away = jnp.stack([rows - coin // side, columns - coin % side]) % side
        return jnp.minimum(away, side - away).sum(0)

    worth = jnp.min(jnp.stack([far(coin) for coin in coins]), axis=0).astype(jnp.float32)
    return jnp.argmin(worth + 0.5 * jax.random.uniform(key, (5,)))


def anyhow(mine, own, other, key):
    return jax.random.randint(key, (), 0, 5)


def greedy(mine, own, other, key):
    return nearest(mine, [own, other], key)


def chaser(mine, own, other, key):
    return nearest(mine, [own], key)


# Rewards of an episode, share of own coins and coins taken, measured apart from this code, with the
# reward of the last of 16 steps taken away as Shaper's code does: so ours are 16 / 15 of those.
KNOWN = [
    (anyhow, anyhow, (0, 0), (0.5, 0.5), (3.05, 3.05)),
    (greedy, greedy, (0, 0), (0.5, 0.5), (14.4, 14.4)),
    (chaser, chaser, (8.4, 8.4), (0.86, 0.86), (12.6, 12.6)),
    (greedy, chaser, (9.5, -2.0), (0.48, 0.84), (14.2, 12.6)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("one", "two", "returns", "own", "coins"), KNOWN)
def test_returns_of_simple_players(one, two, returns, own, coins):
    def episode(key):
        start, key = jax.random.split(key)
        state, _ = GAME.reset(start, jnp.zeros((), jnp.int32))

        def step(state, key):
            a, b, c = jax.random.split(key, 3)
            (p, q), (red, blue) = state.players, state.coins
            done = GAME.step(c, state, (one(p, red, blue, a), two(q, blue, red, b)))
            return done.state, (jnp.stack(done.reward), done.state.took)

        return jax.lax.scan(step, state, jax.random.split(key, GAME.steps))[1]

    rewards, took = jax.jit(jax.vmap(episode))(jax.random.split(KEY, 4000))
    assert rewards[:, :-1].sum(1).mean(0) == pytest.approx(returns, abs=0.25)
    assert own_share(took) == pytest.approx(own, abs=0.02)
    assert took.sum((0, 1, 3)) / 4000 == pytest.approx(coins, abs=0.25)
