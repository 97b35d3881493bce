"""Nash averaging: an agent's rating is what it earns against the equilibrium of all agents.

    A_ij = log p_ij / (1 - p_ij);  p* = the equilibrium of the zero-sum game A of maximal entropy;
    rating = A p*

Balduzzi et al. 2018, arXiv:1806.02643. A copy of an agent changes nobody's rating, and in a cycle
all are worth the same: what averages and Elo get wrong. Agents against tasks: `against_tasks`.

OpenSpiel asks a convex solver; here the equilibria are a polytope (in an antisymmetric game those
p that no pure strategy beats), first found by a linear program and then searched for the entropy's
maximum.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import linprog, minimize

from cairn.core.errors import ConfigError
from cairn.games.ratings.matches import Matches

_LEAST = 1e-12


class NashAverage(NamedTuple):
    """Ratings and the equilibrium that they are against."""

    ratings: Float[np.ndarray, " n"]
    """In log odds (`of_matches`), or in the matrix's own unit. 0 for who is in the equilibrium,
    below for others."""
    mass: Float[np.ndarray, " n"]
    """Of each strategy in the equilibrium of maximal entropy."""


def of_matches(matches: Matches, *, clip: float = 0.01) -> NashAverage:
    """Ratings of players who all met; shares within `clip` of 0 or 1 are moved there."""
    matches.check_met()
    shares = np.clip(matches.shares(), clip, 1 - clip)
    odds = np.log(shares / (1 - shares))
    return averaged((odds - odds.T) / 2)


def averaged(game: Float[np.ndarray, "n n"]) -> NashAverage:
    """Of an antisymmetric matrix: [i, j] what i earns from j. Raises ConfigError otherwise."""
    if game.ndim != 2 or game.shape[0] != game.shape[1] or not np.allclose(game, -game.T):
        raise ConfigError(
            "Nash averaging needs an antisymmetric matrix (what i earns j loses), got one of shape "
            f"{game.shape}."
        )
    mass = equilibrium(game)
    return NashAverage(game @ mass, mass)


def against_tasks(
    scores: Float[np.ndarray, "agents tasks"],
) -> tuple[NashAverage, NashAverage]:
    """Of agents and of tasks, from scores. The agents' side wants high scores, the tasks' low ones;
    each task's scores are first scaled to [0, 1], and a task on which all score alike says
    nothing."""
    low, high = scores.min(0), scores.max(0)
    scaled = (scores - low) / np.where(high > low, high - low, 1)
    mass_agents, mass_tasks = zero_sum(scaled)
    value = float(mass_agents @ scaled @ mass_tasks)
    return (
        NashAverage(scaled @ mass_tasks - value, mass_agents),
        NashAverage(value - mass_agents @ scaled, mass_tasks),
    )


def equilibrium(game: Float[np.ndarray, "n n"]) -> Float[np.ndarray, " n"]:
    """The symmetric equilibrium of maximal entropy of an antisymmetric game: its value is 0."""
    return _most_even(np.asarray(game, float), 0.0)


def zero_sum(
    game: Float[np.ndarray, "rows columns"],
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " columns"]]:
    """Of maximal entropy each: what the row player, who gets `game`, and the column player play."""
    value = _value(game)
    return _most_even(-game.T, -value), _most_even(game, value)


def _value(game: Float[np.ndarray, "rows columns"]) -> float:
    """What the row player can be sure of."""
    rows, columns = game.shape
    solved = linprog(
        np.r_[np.zeros(rows), -1.0],
        A_ub=np.c_[-game.T, np.ones(columns)],
        b_ub=np.zeros(columns),
        A_eq=np.r_[np.ones(rows), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * rows + [(None, None)],
    )
    return float(-solved.fun)


def _most_even(game: Float[np.ndarray, "rows n"], value: float) -> Float[np.ndarray, " n"]:
    """The mixture p of maximal entropy with `game @ p <= value`."""
    rows, size = game.shape
    scale = max(float(np.abs(game).max()), 1e-9)
    game, value = game / scale, value / scale
    slack = 1e-9
    reach = np.zeros(size)
    for at in range(size):  # which strategies any equilibrium plays
        best = linprog(
            -(np.arange(size) == at).astype(float),
            A_ub=game, b_ub=np.full(rows, value + slack),
            A_eq=np.ones((1, size)), b_eq=[1.0], bounds=[(0, None)] * size,
        )  # fmt: skip
        reach += best.x / size
    support = reach > 1e-7
    start = reach[support] / reach[support].sum()
    if support.sum() == 1:
        return support.astype(float)
    part = game[:, support]

    def negative_entropy(p: Float[np.ndarray, " k"]) -> tuple[float, Float[np.ndarray, " k"]]:
        safe = np.maximum(p, _LEAST)
        return float(safe @ np.log(safe)), np.log(safe) + 1

    found = minimize(
        negative_entropy, start, jac=True, method="SLSQP", bounds=[(_LEAST, 1)] * len(start),
        constraints=[
            {"type": "eq", "fun": lambda p: p.sum() - 1, "jac": lambda p: np.ones((1, len(p)))},
            {"type": "ineq", "fun": lambda p: value + slack - part @ p, "jac": lambda p: -part},
        ],
        options={"maxiter": 500, "ftol": 1e-14},
    )  # fmt: skip
    better = found.success or negative_entropy(found.x)[0] < negative_entropy(start)[0]
    mass = np.zeros(size)
    mass[support] = np.clip(found.x if better else start, 0, None)
    return mass / mass.sum()
