"""The final choice among the nodes of a search, as a step of its own.

Scores are noisy, so the best of many is partly the luckiest: where true values have the spread tau
and errors the spread sigma, the argmax has on average tau / sqrt(tau² + sigma²) of what the truly
best would have above the mean. Each rule says which evaluations it still wants, in rounds, and then
chooses. All in utilities: larger is better.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cairn.core.errors import ConfigError
from cairn.research.node import Tree

Rule = Literal["argmax", "shrink", "lower-bound", "reevaluate", "halving", "hidden"]


class Candidate(NamedTuple):
    """A node as the search saw it."""

    id: int
    mean: float
    error: float | None
    """Standard error of the mean, if known."""


class Want(NamedTuple):
    """One evaluation, wanted fresh."""

    id: int
    split: str
    number: int
    """Evaluations of one node on one split are numbered: each has draws of its own."""


Lost = Literal["lost"]
LOST: Lost = "lost"
"""A fresh evaluation that a fault of ours kept from its end: it says nothing of the node."""
Measured = Mapping[Want, float | Lost | None]
"""What fresh evaluations gave, as utilities; None for a failure of the node's own."""


@dataclass(frozen=True)
class Selection:
    """How the final node is chosen, and what is measured for the report besides."""

    rule: Rule = "reevaluate"
    """argmax: the best search score; shrink: pulled to the mean by its error; lower-bound: mean
    less z errors; reevaluate: the `top` best anew, `repeats` times each; halving: the same in
    rounds that keep the better half and double the evaluations; hidden: the `top` best once, on the
    selection split."""
    top: int = 5
    """Candidates that are evaluated anew."""
    repeats: int = 1
    """Fresh evaluations of each, in the first round: more where they are noisy."""
    z: float = 1.0
    """Of lower-bound."""
    curve: bool = True
    """Score the nodes that were once the best on the selection and test splits as well, for the
    curves of the report: a few evaluations, none of which moves the choice."""
    oracle: int = 0
    """Score the so many best nodes on the test split, to say how far the choice is from the best
    of them (the oracle gap). For the report alone."""

    def __post_init__(self):
        for name, least in (("top", 1), ("repeats", 1), ("z", 0), ("oracle", 0)):
            if not getattr(self, name) >= least:
                value = getattr(self, name)
                raise ConfigError(f"selection.{name} must be at least {least}, got {value}.")

    def split(self, splits: Sequence[str]) -> str:
        """Where fresh evaluations are made: on the selection split, if there is one."""
        if "selection" in splits:
            return "selection"
        if self.rule == "hidden":
            raise ConfigError("selection.rule 'hidden' needs a task with a selection split.")
        return "search"

    def wanted(self, pool: Sequence[Candidate], found: Measured, split: str) -> list[Want]:
        """The evaluations of the next round; none if it can choose."""
        return self._played(pool, found, split)[1]

    def _played(
        self, pool: Sequence[Candidate], found: Measured, split: str
    ) -> tuple[list[Candidate], list[Want]]:
        """Those that are left after the rounds that were measured, the best first, and what the
        next round has to measure. Nothing is measured where one is left: it is the choice."""
        rounds = {"reevaluate": 1, "hidden": 1, "halving": 64}.get(self.rule, 0)
        alive, count = self._best(pool, self.top), 1 if self.rule == "hidden" else self.repeats
        for _ in range(rounds):
            if len(alive) < 2:
                break
            round = [Want(one.id, split, k) for one in alive for k in range(count)]
            if missing := [want for want in round if want not in found]:
                return alive, missing
            # By what was known in this round: later ones, which are of survivors alone, would
            # change who survived it.
            known: Measured = {want: found[want] for want in round}
            value = _values(alive, known)
            alive = sorted(alive, key=lambda one: -value[one.id])
            if self.rule == "halving":
                alive, count = alive[: math.ceil(len(alive) / 2)], 2 * count
        return alive, []

    def choose(self, pool: Sequence[Candidate], found: Measured) -> int | None:
        """The node's id; None if there is no candidate. Of equals, the one that the search found
        better, then the earliest."""
        if not pool:
            return None
        if self.rule == "shrink":
            value = dict(zip([one.id for one in pool], shrunk(pool), strict=True))
        elif self.rule == "lower-bound":
            value = {one.id: one.mean - self.z * (one.error or 0.0) for one in pool}
        elif self.rule == "argmax" or not found:
            value = {one.id: one.mean for one in pool}
        else:
            return self._played(pool, found, next(iter(found)).split)[0][0].id
        return max(value, key=lambda id: (value[id], -id))

    def _best(self, pool: Sequence[Candidate], count: int) -> list[Candidate]:
        return sorted(pool, key=lambda one: (-one.mean, one.id))[:count]


def candidates(tree: Tree) -> list[Candidate]:
    """The nodes with a score."""
    return [
        Candidate(node.id, node.utility, node.spread) for node in tree if node.utility is not None
    ]


def shrunk(pool: Sequence[Candidate]) -> list[float]:
    """Means pulled to the mean of all by their own errors: mu + tau² / (tau² + e²) (x - mu), where
    tau² is what errors do not explain of the variance. Unknown errors count as the mean one."""
    means = [one.mean for one in pool]
    known = [one.error for one in pool if one.error is not None]
    if len(pool) < 2 or not known:
        return means
    usual = math.sqrt(sum(error**2 for error in known) / len(known))
    errors = [usual if one.error is None else one.error for one in pool]
    centre = sum(means) / len(means)
    total = sum((mean - centre) ** 2 for mean in means) / (len(means) - 1)
    between = max(total - sum(error**2 for error in errors) / len(errors), 0.0)
    if between == 0:
        return means
    return [
        centre + between / (between + error**2) * (mean - centre)
        for mean, error in zip(means, errors, strict=True)
    ]


def records(tree: Tree) -> list[int]:
    """The nodes that were the best when they came, in order."""
    found, best = [], -math.inf
    for node in tree:
        if node.utility is not None and node.utility > best:
            found.append(node.id)
            best = node.utility
    return found


def complaint(found: Measured) -> str:
    """What went wrong with the fresh evaluations of a choice, in words; "" if nothing did."""
    lost = sum(value == LOST for value in found.values())
    if found and not any(isinstance(value, float | int) for value in found.values()):
        why = " (faults of ours)" if lost else ""
        return f"no fresh evaluation gave a score{why}: chosen by the search's order"
    if lost:
        return f"{lost} of {len(found)} fresh evaluations were lost by faults of ours"
    return ""


def _values(pool: Sequence[Candidate], found: Measured) -> dict[int, float]:
    """By id, the mean of fresh evaluations; -inf if one failed.

    Of a node all of whose evaluations were lost by faults of ours: what the search measured, less
    what the others lost between the search and now, since a best of many is partly luck.
    """
    fresh = {one.id: _fresh(one.id, found) for one in pool}
    fell = [one.mean - value for one in pool
            if (value := fresh[one.id]) is not None and math.isfinite(value)]  # fmt: skip
    luck = sum(fell) / len(fell) if fell else 0.0
    return {one.id: one.mean - luck if (value := fresh[one.id]) is None else value for one in pool}


def _fresh(id: int, found: Measured) -> float | None:
    """The mean of fresh evaluations; -inf if one failed; None if all were lost."""
    values = [value for want, value in found.items() if want.id == id and value != LOST]
    if None in values:
        return -math.inf
    known = [value for value in values if isinstance(value, float | int)]
    return sum(known) / len(known) if known else None
