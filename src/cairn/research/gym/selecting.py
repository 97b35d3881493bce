"""How much of a search's best score is luck, in closed form and simulated.

With qualities q ~ N(0, tau^2) and measurements x = q + N(0, sigma^2), the largest of n measurements
belongs to a node of expected quality m_n tau^2 / sqrt(tau^2 + sigma^2), where m_n is the expected
largest of n standard normal numbers; the truly best node has m_n tau; and the largest measurement
exceeds the quality of its node by m_n sigma^2 / sqrt(tau^2 + sigma^2).
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import Float

Qualities = Float[np.ndarray, "S N"]


@cache
def expected_largest(n: int) -> float:
    """m_n, by quadrature of x n phi(x) Phi(x)^(n-1)."""
    x = np.linspace(-9.0, 9.0, 36_001)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)]) * (x[1] - x[0])
    return float(np.trapezoid(x * n * density * np.clip(below, 0, 1) ** (n - 1), x))


def expected_quality(n: int, tau: float, sigma: float) -> float:
    """Of the node that measured best."""
    return expected_largest(n) * tau**2 / np.hypot(tau, sigma)


def expected_optimism(n: int, tau: float, sigma: float) -> float:
    """By how much its measurement exceeds its quality."""
    return expected_largest(n) * sigma**2 / np.hypot(tau, sigma)


class Measured:
    """S searches of N nodes each: what was measured once, and what measuring again would give."""

    def __init__(self, quality: Qualities, noise: float, seen: Qualities, seed: int = 0):
        """`seen` −inf: a node that does not run."""
        self.quality, self.noise, self.seen = quality, noise, seen
        # Of a stream of its own: whoever drew the qualities may have the same seed.
        self._draws = np.random.default_rng([seed, 1])

    def again(self, nodes: np.ndarray, times: int) -> np.ndarray:
        """The mean of so many fresh measurements of nodes (S, K); −inf of those that do not run."""
        true = np.take_along_axis(self.quality, nodes, 1)
        mean = true + self._draws.normal(0, self.noise / np.sqrt(times), true.shape)
        return np.where(np.isfinite(np.take_along_axis(self.seen, nodes, 1)), mean, -np.inf)

    def best(self, count: int) -> np.ndarray:
        """The nodes (S, K) that measured best, best first."""
        return np.argsort(-self.seen, axis=1, kind="stable")[:, :count]

    def first(self, count: int) -> "Measured":
        """The same after fewer evaluations."""
        return Measured(self.quality[:, :count], self.noise, self.seen[:, :count])


def argmax(measured: Measured, extra: int) -> np.ndarray:
    """The node that measured best. Spends nothing more."""
    return measured.best(1)[:, 0]


def reevaluate(measured: Measured, extra: int, keep: int = 10) -> np.ndarray:
    """The best `keep` are measured again, `extra` // `keep` times each; the best by the mean of
    all that was measured of it."""
    nodes, times = measured.best(keep), max(extra // keep, 1)
    fresh, once = measured.again(nodes, times), np.take_along_axis(measured.seen, nodes, 1)
    return _best(nodes, (once + times * fresh) / (1 + times))


def fresh(measured: Measured, extra: int, keep: int = 10) -> np.ndarray:
    """As `reevaluate`, by the fresh measurements alone."""
    nodes = measured.best(keep)
    return _best(nodes, measured.again(nodes, max(extra // keep, 1)))


def halving(measured: Measured, extra: int, keep: int = 10) -> np.ndarray:
    """The best `keep` are measured again, the better half stays, and so on: `extra` in rounds of
    equal cost."""
    nodes = measured.best(keep)
    total, count = np.take_along_axis(measured.seen, nodes, 1), 1
    rounds = max(int(np.ceil(np.log2(keep))), 1)
    for _ in range(rounds):
        times = max(extra // (rounds * nodes.shape[1]), 1)
        total, count = total + times * measured.again(nodes, times), count + times
        order = np.argsort(-total, axis=1, kind="stable")[:, : max(nodes.shape[1] // 2, 1)]
        nodes, total = np.take_along_axis(nodes, order, 1), np.take_along_axis(total, order, 1)
    return _best(nodes, total)


def hidden_split(measured: Measured, extra: int) -> np.ndarray:
    """The best by one measurement of every node that the search never saw: a split of the data
    that was put aside, at no further execution."""
    every, hidden = _hidden(measured)
    return _best(every, hidden)


def both_splits(measured: Measured, extra: int) -> np.ndarray:
    """The best by the mean of what the search saw and what it did not."""
    every, hidden = _hidden(measured)
    return _best(every, (hidden + measured.seen) / 2)


def _hidden(measured: Measured) -> tuple[np.ndarray, np.ndarray]:
    every = np.broadcast_to(np.arange(measured.seen.shape[1]), measured.seen.shape)
    return every, measured.again(every, 1)


def _best(nodes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return np.take_along_axis(nodes, scores.argmax(1)[:, None], 1)[:, 0]


RULES: dict[str, tuple[Callable[[Measured, int], np.ndarray], bool]] = {
    "argmax": (argmax, False),
    "re-evaluate": (reevaluate, True),
    "re-evaluate, fresh alone": (fresh, True),
    "halving": (halving, True),
    "hidden split": (hidden_split, False),
    "both splits": (both_splits, False),
}
"""And whether a rule's measurements are paid out of the search's evaluations."""


def closed(measured: Measured, extra: int) -> dict[str, np.ndarray]:
    """By rule: which share of the gap between argmax and the truly best node it closes, (S,) parts
    whose means divide: the first row gains, the second the gap.

    Every rule has the N evaluations of `measured` in all: one that measures again searches `extra`
    fewer.
    """
    true = np.where(np.isfinite(measured.seen), measured.quality, -np.inf)
    plain = _quality(measured, argmax(measured, 0))
    gap = true.max(1) - plain
    found = {}
    for name, (rule, pays) in RULES.items():
        given = measured.first(measured.seen.shape[1] - extra) if pays else measured
        found[name] = np.stack([_quality(given, rule(given, extra)) - plain, gap])
    return found


def _quality(measured: Measured, node: np.ndarray) -> np.ndarray:
    return np.take_along_axis(measured.quality, node[:, None], 1)[:, 0]
