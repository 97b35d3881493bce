"""Canaries: made-up private values, planted to see what a check misses.

If one rewrite leaks with chance e and the check of it misses a leak with chance m, then retrying
until a rewrite is accepted leaves e*m / (1 - e*(1 - m)) of the leaks, about e*m however many tries
there are: m is the floor. So m is measured, by canaries in several forms of writing.
"""

import base64
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from cairn.core.draws import DrawKey
from cairn.core.stats import Rate, rate
from cairn.refine.checks.base import Check, Failure, Pair
from cairn.refine.checks.haystack import Haystack
from cairn.refine.spans import Span

Writing = Literal["plain", "spaced", "look-alikes", "backwards", "base64"]
WRITINGS: tuple[Writing, ...] = get_args(Writing)
_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ALIKE = str.maketrans("ABEHKMPCTX", "АВЕНКМРСТХ")
_CARRIERS = (
    "The member's code is {}.",
    "Her badge says {}.",
    "Send it to the holder of card {}.",
    "He signed in as {}.",
)


def canary(draw: random.Random) -> str:
    """A code of 12 letters and digits, of which no two are likely ever to be equal (60 bits)."""
    return "CN-" + "-".join("".join(draw.choices(_SIGNS, k=4)) for _ in range(3))


def written(value: str, writing: Writing) -> str:
    """The value in one of the ways to write it."""
    match writing:
        case "spaced":
            return " ".join(value.replace("-", ""))
        case "look-alikes":
            return value.translate(_ALIKE)
        case "backwards":
            return value[::-1]
        case "base64":
            return base64.b64encode(value.encode()).decode()
    return value


def planted(text: str, value: str, writing: Writing, draw: random.Random) -> tuple[str, Span]:
    """The text with a sentence more that holds the value, behind one of its lines; and where."""
    ends = [at for at, sign in enumerate(text) if sign == "\n"] or [len(text)]
    place = draw.choice(ends)
    before, said = draw.choice(_CARRIERS).split("{}"), written(value, writing)
    head = text[:place] + (" " if text[:place] else "") + before[0]
    return head + said + before[1] + text[place:], Span(
        len(head), len(head) + len(said), "ID_NUMBER", by="canary"
    )


@dataclass(frozen=True)
class Canaries:
    """None of the canaries that were planted in the input is in the rewrite."""

    name: str = "canaries"
    values: tuple[str, ...] = ()

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Says how many."""
        hay = Haystack(pair.rewrite)
        left = sum(hay.holds(value) for value in self.values)
        if not left:
            return None
        reason = f"{left} ID_NUMBER of the original can still be read. Replace each of them."
        return Failure(self.name, reason)


async def miss_rates(
    check: Check,
    pairs: Sequence[Pair],
    clients: Mapping[str, Any],
    *,
    seed: int = 0,
    writings: Sequence[Writing] = WRITINGS,
) -> dict[str, Rate]:
    """For each way of writing, the share of canaries that a check lets through, with interval.

    Each pair gets one canary a writing, in its original (plain, marked as private) and in its
    rewrite (as written); the check is asked about that. Pairs should be such as the check accepts:
    a failure for another reason would count as a canary that was seen. A model's error counts as a
    failure of the measurement and is raised.
    """
    missed = dict.fromkeys(writings, 0)
    for number, pair in enumerate(pairs):
        for writing in writings:
            draw = DrawKey.root(seed).child("canary", number, writing).random()
            value = canary(draw)
            original, span = planted(pair.original, value, "plain", draw)
            rewrite, _ = planted(pair.rewrite, value, writing, draw)
            shift = span.end - span.start
            private = tuple(_moved(old, pair.original, original) for old in pair.private)
            assert shift > 0
            asked = Pair(original, rewrite, (*private, span), pair.pseudonyms)
            missed[writing] += await check(asked, clients) is None
    return {writing: rate(missed[writing], len(pairs)) for writing in writings}


def _moved(span: Span, before: str, after: str) -> Span:
    """A span behind the sentence that was put in, by as many characters."""
    more = len(after) - len(before)
    same = before[span.start : span.end]
    if after[span.start : span.end] == same and after[: span.end] == before[: span.end]:
        return span
    return span._replace(start=span.start + more, end=span.end + more)
