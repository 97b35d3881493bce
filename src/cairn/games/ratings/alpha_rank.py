"""Alpha-rank: how often a population of m, in which mutants take over or die out, plays each
strategy.

    u = alpha (M[r, s] - M[s, r]);  rho = (1 - e^-u) / (1 - e^-mu), 1/m at u = 0
    C[s, r] = rho / (n - 1), the rest on the diagonal;  rank = the stationary distribution of C

Omidshafiei et al. 2019, arXiv:1903.01373: one population with local selection, several in which
one deviates at a time. Where alpha is large the chain is almost reducible and an eigensolver finds
several stationary distributions; here they are found by elimination without a subtraction
(Grassmann, Taksar & Heyman 1985), which loses no digits, from probabilities in logarithms.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cairn.core.errors import ConfigError

_FLOOR = -600.0
"""Least logarithm of a probability to move: below, a float64 is 0 and the chain falls apart."""


def alpha_rank(
    payoffs: Float[np.ndarray, "n n"], *, alpha: float = 100.0, m: int = 50
) -> Float[np.ndarray, " n"]:
    """Mass of each strategy of one population.

    `payoffs` [r, s]: what r earns against s. `alpha` is how strongly selection goes by payoffs, `m`
    the population's size. Raises ConfigError for what is no square matrix of finite numbers.
    """
    _check(payoffs, alpha, m)
    size = len(payoffs)
    if size == 1:
        return np.ones(1)
    move = _log_fixation(alpha * (payoffs - payoffs.T).T, m) - np.log(size - 1)
    np.fill_diagonal(move, -np.inf)
    return stationary(move)


def alpha_rank_profiles(
    payoffs: Sequence[Float[np.ndarray, "..."]], *, alpha: float = 100.0, m: int = 50
) -> Float[np.ndarray, "..."]:
    """Mass of each profile of k populations, of the shape of the payoffs.

    `payoffs[k]` is what population k earns at each profile: k axes, one a population. At each step
    one population deviates, to one of its other strategies.
    """
    shape = payoffs[0].shape
    if len(payoffs) != len(shape) or any(table.shape != shape for table in payoffs):
        raise ConfigError(
            f"alpha-rank of {len(payoffs)} populations needs as many tables with as many axes, "
            f"of one shape; got {[table.shape for table in payoffs]}."
        )
    for table in payoffs:
        _check(table.reshape(1, -1), alpha, m, square=False)
    profiles = list(itertools.product(*map(range, shape)))
    place = {profile: at for at, profile in enumerate(profiles)}
    neighbours = sum(size - 1 for size in shape)
    if neighbours == 0:
        return np.ones(shape)
    move = np.full((len(profiles),) * 2, -np.inf)
    for profile in profiles:
        for player, table in enumerate(payoffs):
            for other in set(range(shape[player])) - {profile[player]}:
                new = (*profile[:player], other, *profile[player + 1 :])
                gain = alpha * (table[new] - table[profile])
                move[place[profile], place[new]] = float(_log_fixation(np.array(gain), m)) - np.log(
                    neighbours
                )
    return stationary(move).reshape(shape)


def suggested_alpha(payoffs: Float[np.ndarray, "n n"], *, m: int = 50) -> float:
    """Where the least gap of payoffs that is none of rounding already decides: the mutant that is
    worse by it has a tenth of a neutral one's chance (OpenSpiel's rule, -ln 0.1 over the gap)."""
    gaps = np.abs(payoffs - payoffs.T)
    gaps = gaps[gaps > 1e-9]
    return float(-np.log(0.1) / gaps.min()) if gaps.size else 1.0


def stationary(log_move: Float[np.ndarray, "n n"]) -> Float[np.ndarray, " n"]:
    """Of a chain with these logarithms of probabilities to move, by elimination.

    All are raised by the same factor first, which changes no stationary distribution, so that the
    most likely move is 1 and only what is e^-600 of it is lost; that much is given to each.
    """
    size = len(log_move)
    top = log_move[np.isfinite(log_move)].max()
    rates = np.where(np.isfinite(log_move), np.exp(np.maximum(log_move - top, _FLOOR)), 0.0)
    for last in range(size - 1, 0, -1):
        out = rates[last, :last].sum()
        rates[:last, last] /= out
        rates[:last, :last] += np.outer(rates[:last, last], rates[last, :last])
    mass = np.ones(size)
    for at in range(1, size):
        mass[at] = mass[:at] @ rates[:at, at]
        mass[: at + 1] /= mass[: at + 1].max()  # nothing grows beyond a float
    return mass / mass.sum()


def _log_fixation(u: Float[np.ndarray, "..."], m: int) -> Float[np.ndarray, "..."]:
    """log (1 - e^-u) / (1 - e^-mu), exact for small and finite for large u of either sign."""
    size = np.abs(u)
    near = size < 1e-12
    safe = np.where(near, 1.0, size)
    # u > 0: log1p(-e^-u) - log1p(-e^-mu); u < 0: the same with -(m - 1)|u| before it.
    rest = np.log(-np.expm1(-safe)) - np.log(-np.expm1(-m * safe))
    # (e^|u| - 1) / (e^m|u| - 1) = e^-(m-1)|u| (1 - e^-|u|) / (1 - e^-m|u|)
    down = rest - (m - 1) * safe
    return np.where(near, -np.log(m), np.where(u > 0, rest, down))


def _check(payoffs: np.ndarray, alpha: float, m: int, *, square: bool = True) -> None:
    if square and (payoffs.ndim != 2 or payoffs.shape[0] != payoffs.shape[1]):
        raise ConfigError(f"payoffs must be a square matrix, got shape {payoffs.shape}.")
    if not np.isfinite(payoffs).all():
        raise ConfigError("payoffs must be finite numbers: some match is missing or not a number.")
    if not (alpha > 0 and m >= 2):
        raise ConfigError(f"alpha must be above 0 and m at least 2, got {alpha} and {m}.")
