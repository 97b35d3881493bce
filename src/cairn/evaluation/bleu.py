"""Word-level BLEU: how much of one text's phrasing is in others. For similarity, not translation.

    BLEU(c, R) = BP · exp( Σ_{n=1..N} (1/N) log p_n )

p_n is the share of the candidate's n-grams that some reference has (each counted at most as often
as in one reference), BP = min(1, exp(1 - r/c)) with the nearest reference length r.

Papineni et al. 2002; p_n for n > 1 with one added to both counts, Lin & Och 2004, so that a short
text without a common 4-gram is not plain 0. Texts shorter than N words use as many orders as they
have words.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

_TOKEN = re.compile(r"\w+|[^\w\s]")


def words(text: str) -> list[str]:
    """Lower-case words, and punctuation marks as words of their own. Never characters."""
    return _TOKEN.findall(text.lower())


def bleu(candidate: str, references: Sequence[str], *, order: int = 4) -> float:
    """BLEU of a text against one or more others, in [0, 1]; 0 if there is nothing to compare."""
    ours = words(candidate)
    theirs = [tokens for text in references if (tokens := words(text))]
    if not ours or not theirs:
        return 0.0
    orders = min(order, len(ours))
    total = 0.0
    for n in range(1, orders + 1):
        grams = _grams(ours, n)
        most: Counter = Counter()
        for tokens in theirs:
            most |= _grams(tokens, n)
        common = sum((grams & most).values())
        count = len(ours) - n + 1
        if n == 1 and common == 0:
            return 0.0
        added = 0 if n == 1 else 1
        total += math.log((common + added) / (count + added)) / orders
    nearest = min((len(tokens) for tokens in theirs), key=lambda r: (abs(r - len(ours)), r))
    brevity = min(0.0, 1.0 - nearest / len(ours))
    return math.exp(total + brevity)


def self_bleu(texts: Sequence[str], *, order: int = 4) -> float | None:
    """Mean BLEU of each text against all others: 1 for copies. None for fewer than two texts."""
    if len(texts) < 2:
        return None
    scores = [
        bleu(text, [*texts[:i], *texts[i + 1 :]], order=order) for i, text in enumerate(texts)
    ]
    return sum(scores) / len(scores)


def _grams(tokens: list[str], n: int) -> Counter:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
