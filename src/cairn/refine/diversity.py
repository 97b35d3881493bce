"""How different texts are before and after: the same records, cut to the same length.

Diversity falls with length (n-grams repeat), so that each pair is cut to the shorter of the two.
Pairs of records are drawn once and are the same before and after: the difference has an interval
of its own, by a bootstrap over the pairs. Measures as in arXiv:2509.08653 (ROUGE-2, distances of
embeddings), with distinct n-grams (Li et al. 2016) and BLEU of pairs beside them.
"""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cairn.core.stats import Estimate, bootstrap, mean
from cairn.evaluation.bleu import bleu, words
from cairn.evaluation.diversity import distinct

WORDS = 200
"""A text is cut to so many at most."""
PAIRS = 1000
WIDTH = 256
"""Of a hashed embedding."""
Embed = Callable[[Sequence[str]], Float[np.ndarray, "texts width"]]


class Measure(NamedTuple):
    """One measure of one group of records."""

    name: str
    before: float
    after: float
    change: Estimate | None
    """After less before, with its interval over pairs; None for what is no mean over pairs."""
    more: bool
    """Whether a higher value is more diverse."""


class Group(NamedTuple):
    """Records of one source."""

    name: str
    records: int
    measures: tuple[Measure, ...]


def rouge_2(a: Sequence[str], b: Sequence[str]) -> float:
    """F1 of common bigrams, each counted as often as in both. 0 where one has none. Lin 2004."""
    one, two = Counter(pairwise(a)), Counter(pairwise(b))
    total = one.total() + two.total()
    return 2 * (one & two).total() / total if one and two else 0.0


def hashed(texts: Sequence[str]) -> Float[np.ndarray, "texts width"]:
    """Counts of words and bigrams, hashed to signs at `WIDTH` places. Weinberger et al. 2009."""
    found = np.zeros((len(texts), WIDTH))
    for row, text in enumerate(texts):
        tokens = words(text)
        for gram in (*tokens, *map(" ".join, pairwise(tokens))):
            digest = hashlib.blake2b(gram.encode("utf-8", "replace"), digest_size=4).digest()
            number = int.from_bytes(digest, "big")
            found[row, number % WIDTH] += 1 if number & 2**31 else -1
    return found


def measured(
    texts: Iterable[tuple[str, str, str]], *, embed: Embed = hashed, seed: int = 0
) -> list[Group]:
    """The groups of (group, before, after): all of them together, and each by itself.

    Groups of fewer than three texts have no measures.
    """
    by_group: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for group, before, after in texts:
        a, b = words(before), words(after)
        length = min(len(a), len(b), WORDS)
        if length:
            by_group[group].append((" ".join(a[:length]), " ".join(b[:length])))
    every = [pair for pairs in by_group.values() for pair in pairs]
    groups = {"all records": every} | (by_group if len(by_group) > 1 else {})
    return [
        Group(name, len(pairs), _measures(pairs, embed, random.Random(seed)))
        for name, pairs in groups.items()
    ]


def _measures(
    texts: list[tuple[str, str]], embed: Embed, draw: random.Random
) -> tuple[Measure, ...]:
    if len(texts) < 3:
        return ()
    before, after = zip(*texts, strict=True)
    pairs = [tuple(draw.sample(range(len(texts)), 2)) for _ in range(PAIRS)]
    measures = []
    vocabulary: dict[str, int] = {}
    symbols = [
        [[vocabulary.setdefault(word, len(vocabulary)) for word in words(text)] for text in side]
        for side in (before, after)
    ]
    for n in (1, 2, 3):
        one, two = (distinct(side, n) or 0.0 for side in symbols)
        measures.append(Measure(f"distinct {n}-grams", one, two, None, True))
    tokens = [[words(text) for text in side] for side in (before, after)]
    rouge = [np.array([rouge_2(side[i], side[j]) for i, j in pairs]) for side in tokens]
    measures.append(_paired("ROUGE-2 of pairs", rouge, more=False))
    sides = (before, after)
    blue = [np.array([bleu(side[i], [side[j]]) for i, j in pairs[:200]]) for side in sides]
    measures.append(_paired("BLEU of pairs", blue, more=False))
    distances = [_distances(embed(side), pairs) for side in sides]
    measures.append(_paired("distance of embeddings", distances, more=True))
    return tuple(measures)


def _distances(
    embedded: Float[np.ndarray, "texts width"], pairs: Sequence[tuple[int, ...]]
) -> Float[np.ndarray, " pairs"]:
    """1 less the cosine, pair by pair; a text without any words is at distance 1 from all."""
    found = np.asarray(embedded, np.float64)
    unit = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    at = np.array(pairs)
    return 1 - np.einsum("pw,pw->p", unit[at[:, 0]], unit[at[:, 1]])


def _paired(name: str, sides: Sequence[np.ndarray], *, more: bool) -> Measure:
    before, after = sides
    change = bootstrap((after - before)[None], mean, resamples=500)
    return Measure(name, float(before.mean()), float(after.mean()), change, more)
