"""How different answers are: among those to one prompt, and from prompt to prompt.

After Kirk et al. 2023, arXiv:2310.06452, with what their public code gets wrong put right: the size
of the vocabulary is that of n-grams and not of words whatever n, the agreement of two texts counts
against variety and not for it, and a set of one text has no variety instead of a full one.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Shaped

from cairn.core.errors import ConfigError

T = TypeVar("T")
Texts = Sequence[Sequence[int]]
"""Symbols of each."""
ORDERS = (1, 2, 3, 4, 5)
"""Lengths of n-grams that are averaged over."""


def ngrams(texts: Texts, n: int) -> list[tuple[int, ...]]:
    """All of them; none goes from one text into the next."""
    return [tuple(text[at : at + n]) for text in texts for at in range(len(text) - n + 1)]


def distinct(texts: Texts, n: int) -> float | None:
    """Different n-grams of all n-grams: falls with the length of texts. None if there are none."""
    found = ngrams(texts, n)
    return len(set(found)) / len(found) if found else None


def expected_distinct(texts: Texts, n: int, vocabulary: int) -> float | None:
    """Different n-grams of as many as random ones would have: N / (V (1 - (1 - 1/V)^C)).

    V is the number of n-grams there could be, `vocabulary` to the power of n. It does not fall with
    length. Source: Liu et al. 2022, arXiv:2202.13587, equation 4. None if there are none.
    """
    if vocabulary < 2:
        raise ConfigError(f"vocabulary must be at least 2, got {vocabulary}.")
    found = ngrams(texts, n)
    if not found:
        return None
    possible = float(vocabulary) ** n
    expected = -possible * np.expm1(len(found) * np.log1p(-1 / possible))
    return float(len(set(found)) / expected)


def mean_expected_distinct(texts: Texts, vocabulary: int) -> float | None:
    """The mean over n = 1 to 5, of those lengths that occur."""
    each = [expected_distinct(texts, n, vocabulary) for n in ORDERS]
    there = [value for value in each if value is not None]
    return float(np.mean(there)) if there else None


def per_input(
    metric: Callable[[Sequence[T]], float | None], answers: Sequence[Sequence[T]]
) -> float:
    """The mean over prompts of a metric of the answers to one. NaN if it has no value anywhere."""
    each = [value for row in answers if (value := metric(row)) is not None]
    return float(np.mean(each)) if each else float("nan")


def across_input(
    metric: Callable[[Sequence[T]], float | None], answers: Sequence[Sequence[T]]
) -> float:
    """A metric of the first answers to all prompts. NaN if it has no value."""
    value = metric([row[0] for row in answers])
    return float("nan") if value is None else value


def distinct_valid(
    correct: Bool[np.ndarray, "P n"], canonical: Shaped[np.ndarray, "P n"]
) -> Float[np.ndarray, " P"]:
    """Different correct solutions among the n answers to each prompt: exact, no n-grams."""
    rows = zip(correct, canonical, strict=True)
    return np.array([len(set(names[right].tolist())) for right, names in rows], np.float64)


def embedding_diversity(embeddings: Float[np.ndarray, "n width"]) -> float | None:
    """1 less the mean cosine of two different texts' embeddings. None for fewer than two texts.

    Of unit vectors e the sum over pairs is that of all, |sum e|^2, less the n with themselves.
    """
    number = len(embeddings)
    if number < 2:
        return None
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    total = float(np.square(unit.sum(0)).sum())
    return 1 - (total - number) / (number * (number - 1))


def contradiction_diversity(
    contradiction: Float[np.ndarray, " pairs"], entailment: Float[np.ndarray, " pairs"]
) -> float:
    """Mean of how likely one text contradicts another less how likely it follows from it.

    From -1, all say the same, to 1. Both directions of a pair count as pairs.
    """
    return float((contradiction - entailment).mean())
