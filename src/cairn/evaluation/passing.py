"""How often a model passes, from several answers to each prompt: without bias, down to rare passes.

P prompts with n answers each. All estimates are exact expectations over which k of the n answers
were drawn: nothing is drawn here.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from cairn.core.errors import ConfigError


def pass_at(correct: Bool[np.ndarray, "P n"], k: int) -> Float[np.ndarray, " P"]:
    """The chance that one of k answers is correct: 1 - C(n - c, k) / C(n, k).

    Without bias, unlike 1 - (1 - c/n)^k. Source: Chen et al. 2021, arXiv:2107.03374, section 2.1.
    Raises ConfigError for more than n answers, of which nothing is known.
    """
    number = _answers(correct, k)
    wrong = number - correct.sum(1)
    # C(n - c, k) / C(n, k) factor by factor: neither overflows, and 0 comes out where k > n - c.
    steps = np.arange(k)
    return 1 - np.clip((wrong[:, None] - steps) / (number - steps), 0, 1).prod(1)


def best_of(
    correct: Shaped[np.ndarray, "P n"], score: Float[np.ndarray, "P n"], k: int
) -> Float[np.ndarray, " P"]:
    """What the best of k answers by `score` is worth: `correct` may be any quality.

    An answer with j others below it is the best of C(j, k - 1) sets of k. Answers of equal scores
    are as likely to be taken.
    """
    number = _answers(correct, k)
    chance = np.zeros(number)  # that the answer with j below it is taken
    for below in range(k - 1, number):
        taken = [(below - step) / (number - 1 - step) for step in range(k - 1)]
        chance[below] = k / number * np.prod(taken)
    worth = np.empty(len(score))
    for row, (scores, values) in enumerate(zip(score, correct.astype(np.float64), strict=True)):
        order = np.argsort(scores, kind="stable")
        _, group = np.unique(scores[order], return_inverse=True)
        shared = np.bincount(group, values[order]) / np.bincount(group)
        worth[row] = (chance * shared[group]).sum()
    return worth


def majority_at(
    correct: Bool[np.ndarray, "P n"], canonical: Shaped[np.ndarray, "P n"], k: int
) -> Float[np.ndarray, " P"]:
    """How often the commonest of k answers is correct, in as many lots of k as there are.

    Answers are the same if `canonical` is; of equally common ones the earlier counts.
    """
    lots = _answers(correct, k) // k
    right = np.zeros(len(correct))
    for row in range(len(correct)):
        for lot in range(lots):
            part = slice(lot * k, (lot + 1) * k)
            _, first, count = np.unique(canonical[row, part], return_index=True, return_counts=True)
            commonest = min(first[count == count.max()])
            right[row] += correct[row, part][commonest] / lots
    return right


class Until(NamedTuple):
    """Draws for each of I problems until it had passed r times."""

    draws: Int[np.ndarray, " I"]
    """K, up to the r-th pass and not beyond; all of them where it did not come."""
    passes: Int[np.ndarray, " I"]
    """Among them: r, or fewer."""
    likely: Float[np.ndarray, " I"]
    """passes / K: the maximum likelihood, too high where passes are rare."""
    unbiased: Float[np.ndarray, " I"]
    """(r - 1) / (K - 1); where the r-th pass did not come, passes / K."""
    cut: Bool[np.ndarray, " I"]
    """Where it did not come: the true rate is likely below."""


def pass_until(passed: Bool[np.ndarray, "I draws"], r: int = 2) -> Until:
    """Pass rates far below one in as many answers as one would draw for all.

    Give all the draws there are, in their order: what comes after the r-th pass is not counted, so
    that it does not matter in blocks of which size they were drawn.
    Source: Hu et al. 2023, arXiv:2310.03262; for the unbiased form Haldane 1945.
    Raises ConfigError for r below 2, of which there is no unbiased estimate.
    """
    if r < 2:
        raise ConfigError(f"r must be at least 2, got {r}: one pass alone says too much.")
    if passed.shape[1] < r:
        raise ConfigError(f"{r} passes need as many draws, got {passed.shape[1]}.")
    count = passed.cumsum(1)
    cut = count[:, -1] < r
    draws = np.where(cut, passed.shape[1], (count < r).sum(1) + 1)
    passes = np.minimum(count[:, -1], r)
    likely = passes / draws
    return Until(draws, passes, likely, np.where(cut, likely, (r - 1) / (draws - 1)), cut)


class Law(NamedTuple):
    """Pass rate over size: exp(-scale size^-power)."""

    scale: float
    power: float

    def at(self, size: float) -> float:
        """The rate that it foretells."""
        return float(np.exp(-self.scale * size**-self.power))


def law(sizes: Float[np.ndarray, " models"], rates: Float[np.ndarray, " models"]) -> Law:
    """The law of PassUntil through models' pass rates: log(-log rate) is linear in log size.

    Source: Hu et al. 2023, arXiv:2310.03262, section 4. Rates average before they are fitted.
    Raises ConfigError for fewer than two models, or rates of 0 or 1.
    """
    if len(sizes) < 2 or not ((rates > 0) & (rates < 1)).all():
        raise ConfigError(
            f"A law needs two models or more with rates between 0 and 1, got rates "
            f"{rates.tolist()}. Draw until there are passes."
        )
    slope, start = np.polyfit(np.log(sizes), np.log(-np.log(rates)), 1)
    return Law(float(np.exp(start)), float(-slope))


def _answers(table: Shaped[np.ndarray, "P n"], k: int) -> int:
    number = table.shape[1]
    if not 1 <= k <= number:
        raise ConfigError(f"k must lie in [1, {number}], the answers there are; got {k}.")
    return number
