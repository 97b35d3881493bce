"""The infinitely repeated matrix game among players who remember one round: values exact.

A policy is 1 + 2^n logits of cooperating: at the start, then after each joint action as the player
sees it, its own first and the others' clockwise (CC, CD, DC, DD for two).

    p = P(joint action at the start);  P[s, a] = P(joint action a after s)
    d = p (I - gamma P)^-1;  V_i = d . r_i

Foerster et al. 2018 (LOLA, arXiv:1709.04326), appendix; of n players by the same formula. Reported
rewards are (1 - gamma) V. Differentiable. Elimination written out for two players, and doubling of
the series, compiled two to four times as long and ran five to fifteen times as long.
"""

import itertools

import jax.numpy as jnp
import numpy as np
from jax.nn import sigmoid
from jaxtyping import Array, Float

GAMMA = 0.96


def seats(players: int) -> np.ndarray:
    """(n, 2^n): the number that each player gives to a joint action, its own action first."""
    joint = np.array(list(itertools.product((0, 1), repeat=players)))
    weight = 2 ** np.arange(players)[::-1]
    return np.stack([np.roll(joint, -i, axis=1) @ weight for i in range(players)])


def values(
    payoffs: Float[Array, "n outcomes"],
    logits: Float[Array, "n states"],
    gamma: float = GAMMA,
) -> Float[Array, " n"]:
    """V of each player, not normalised. `logits` (n, 1 + 2^n) of n policies; for one game of them:
    `jax.vmap` for more."""
    start, after = cooperation(logits)
    first, moves = _joint(start), _joint(after)
    visits = _visits(moves, first, gamma)
    return payoffs @ visits


def rewards(
    payoffs: Float[Array, "n outcomes"],
    logits: Float[Array, "n states"],
    gamma: float = GAMMA,
) -> Float[Array, " n"]:
    """(1 - gamma) V: a mean payoff a round."""
    return (1 - gamma) * values(payoffs, logits, gamma)


def cooperation(
    logits: Float[Array, "n states"],
) -> tuple[Float[Array, " n"], Float[Array, "n joint"]]:
    """Probabilities of cooperating: at the start, and after each joint action of all."""
    chance = sigmoid(logits)
    view = seats(logits.shape[0])
    return chance[:, 0], jnp.stack([chance[i, 1 + view[i]] for i in range(len(view))])


def _joint(chance: Float[Array, "n *states"]) -> Float[Array, "joint *states"]:
    """Of every joint action, the first player's action first."""
    table = jnp.ones((1, *chance.shape[1:]))
    for own in chance:
        own = own[None]
        table = jnp.stack([table * own, table * (1 - own)], 1).reshape(-1, *chance.shape[1:])
    return table


def _visits(
    moves: Float[Array, "joint states"], first: Float[Array, " joint"], gamma: float
) -> Float[Array, " joint"]:
    """d with (I - gamma M) d = first, for M[a, s] the probability of a after s."""
    return jnp.linalg.solve(jnp.eye(len(first)) - gamma * moves, first)


def zero_determinant(
    slope: float, baseline: float, scale: float, payoffs: tuple[float, float, float, float]
) -> np.ndarray:
    """Probabilities (CC, CD, DC, DD) that enforce slope (own - baseline) = other - baseline.

    `payoffs` are R, S, T, P of an undiscounted game. Press & Dyson 2012, as parametrised by Stewart
    & Plotkin 2013. Without a meaning where one leaves [0, 1].
    """
    r, s, t, p = payoffs
    return np.array(
        [
            1 - scale * (1 - slope) * (r - baseline),
            1 - scale * (slope * (baseline - s) + (t - baseline)),
            scale * ((baseline - s) + slope * (t - baseline)),
            scale * (1 - slope) * (baseline - p),
        ]
    )
