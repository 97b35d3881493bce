"""Alpha-rank: how often a population of m, in which mutants take over or die out, plays each
strategy.

    u = alpha (M[r, s] - M[s, r]);  rho = (1 - e^-u) / (1 - e^-mu), 1/m at u = 0
    C[s, r] = rho / (n - 1), the rest on the diagonal;  rank = the stationary distribution of C

Omidshafiei et al. 2019, arXiv:1903.01373: one population with local selection, several in which
one deviates at a time. Where alpha is large the chain is almost reducible and an eigensolver finds
several stationary distributions; here they are found by elimination without a subtraction
(Grassmann, Taksar & Heyman 1985), in logarithms: an equilibrium that is left with a chance
of e^-5000 outweighs one that is left with e^-2500.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cairn.core.errors import ConfigError


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


def suggested_alpha(payoffs: Float[np.ndarray, "n n"]) -> float:
    """-ln 0.1 over the least gap of payoffs that is none of rounding: OpenSpiel's rule."""
    gaps = np.abs(payoffs - payoffs.T)
    gaps = gaps[gaps > 1e-9]
    return float(-np.log(0.1) / gaps.min()) if gaps.size else 1.0


def stationary(log_move: Float[np.ndarray, "n n"]) -> Float[np.ndarray, " n"]:
    """Of an irreducible chain with these logarithms of probabilities to move, by elimination."""
    rates = log_move.copy()
    for last in range(len(rates) - 1, 0, -1):
        rates[:last, last] -= np.logaddexp.reduce(rates[last, :last])
        through = rates[:last, last, None] + rates[None, last, :last]
        rates[:last, :last] = np.logaddexp(rates[:last, :last], through)
    mass = np.zeros(len(rates))
    for at in range(1, len(rates)):
        mass[at] = np.logaddexp.reduce(mass[:at] + rates[:at, at])
    return np.exp(mass - np.logaddexp.reduce(mass))


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
