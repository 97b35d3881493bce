"""Which model to ask next: the asymmetric bandit of ShinkaEvolve.

SakanaAI/ShinkaEvolve (`llm/prioritization.py`), sheet 3.2: only gains count, so that an arm which
fails often and wins now and then is worth its wins.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypedDict

from cairn.research.policies.base import check


class Arm(TypedDict):
    """What is known of one."""

    pulls: float
    """Decayed."""
    worth: float
    """Decayed sum of exp(gain) - 1."""


Pulls = dict[str, Arm]


@dataclass(frozen=True)
class AsymmetricUcb:
    """An upper confidence bound on normalised gains, mixed with how cheap an arm is."""

    exploration: float = 1.0
    """c."""
    decay: float = 0.95
    """Of counts and worths, with every answer."""
    epsilon: float = 0.2
    """Mass on the arms that are not the winner."""
    thrift: float = 0.0
    """κ: how much cheapness counts. ShinkaEvolve has 0.5 and a table of prices."""
    costs: Mapping[str, float] = field(default_factory=dict)
    """Of an answer, by arm, in any unit."""

    def __post_init__(self):
        check(self, exploration=(0, math.inf), decay=(0, 1), epsilon=(0, 1), thrift=(0, 1))

    def init(self, arms: Sequence[str]) -> Pulls:
        """Nobody was asked."""
        return {arm: {"pulls": 0.0, "worth": 0.0} for arm in arms}

    def scores(self, pulls: Pulls, under_way: Sequence[str]) -> dict[str, float]:
        """(1 - κ)(mean / largest mean + c sqrt(2 ln t / n)) + κ cheapness; infinite of an arm
        that nobody asked. What is under way counts as asked."""
        counts = {arm: one["pulls"] + under_way.count(arm) for arm, one in pulls.items()}
        means = {arm: one["worth"] / one["pulls"] if one["pulls"] else 0.0
                 for arm, one in pulls.items()}  # fmt: skip
        largest = max(means.values(), default=0.0) or 1.0
        every = max(sum(counts.values()), 1.0)
        dearest = max(self.costs.values(), default=0.0) or 1.0
        found = {}
        for arm, count in counts.items():
            if count <= 0:
                found[arm] = math.inf
                continue
            bound = self.exploration * math.sqrt(2 * math.log(max(every, 1.0)) / count)
            cheap = 1 - self.costs.get(arm, 0.0) / dearest if self.costs else 0.0
            found[arm] = (1 - self.thrift) * (means[arm] / largest + bound) + self.thrift * cheap
        return found

    def choose(self, pulls: Pulls, under_way: Sequence[str], draws: Random) -> str:
        """The winner with chance 1 - ε, else another one; an arm that nobody asked first."""
        scores = self.scores(pulls, under_way)
        best = max(scores, key=lambda arm: scores[arm])
        others = [arm for arm in scores if arm != best]
        if math.isinf(scores[best]) or not others or draws.random() >= self.epsilon:
            return best
        return draws.choice(others)

    def told(self, pulls: Pulls, arm: str, gain: float) -> Pulls:
        """After an answer of `arm` that gained so much, at least 0."""
        found: Pulls = {
            name: {"pulls": self.decay * one["pulls"], "worth": self.decay * one["worth"]}
            for name, one in pulls.items()
        }
        found[arm] = {
            "pulls": found[arm]["pulls"] + 1, "worth": found[arm]["worth"] + math.expm1(gain),
        }  # fmt: skip
        return found
