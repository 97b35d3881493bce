"""Program evolution as ShinkaEvolve does it: weighted parents, islands, a bandit over models.

Lange et al. 2025 (SakanaAI/ShinkaEvolve, `shinka/database/parents.py`, `llm/prioritization.py`),
sheet 3.2. Its third part, that copies are refused, is `asking.novelty`. Differs: patches are whole
programs, so that of the mix of patches only the share of crossovers is left; no judge is asked
whether a near copy is one; a pending trial counts as a child of its parent and a pull of its arm.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import TypedDict

from cairn.core.errors import ConfigError
from cairn.research.node import OURS, Node, Tree
from cairn.research.policies.bandit import AsymmetricUcb, Pulls
from cairn.research.policies.base import Proposal, check


class Evolving(TypedDict):
    """The state."""

    islands: list[list[int]]
    """Ids in each island's archive."""
    pulls: Pulls


@dataclass(frozen=True)
class Shinka:
    """Parents that are good and have few children."""

    islands: int = 2
    archive: int = 40
    """Members of an island; the worst are dropped."""
    sharpness: float = 10.0
    """λ: how much fitness counts."""
    p_crossover: float = 0.1
    migrate_every: int = 10
    """Nodes between migrations."""
    migration: float = 0.0
    """Share of an island that goes to the other ones; its best member stays. 0 as published."""
    arms: tuple[str, ...] = ()
    """Roles among which the bandit chooses (name them in [asking] arms too); none: the
    operator's own is asked."""
    bandit: AsymmetricUcb = field(default_factory=AsymmetricUcb)

    def __post_init__(self):
        check(self, islands=(1, math.inf), archive=(1, math.inf), sharpness=(0, math.inf),
              p_crossover=(0, 1), migrate_every=(1, math.inf), migration=(0, 1))  # fmt: skip
        if len(set(self.arms)) != len(self.arms):
            raise ConfigError(f"Shinka.arms must differ, got {', '.join(self.arms)}.")

    def init(self) -> Evolving:
        """Empty islands, and arms that nobody tried."""
        return {"islands": [[] for _ in range(self.islands)], "pulls": self.bandit.init(self.arms)}

    def propose(
        self, state: Evolving, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal:
        """A child of a parent drawn by fitness and novelty, on a uniform island."""
        role = ""
        if self.arms:
            under_way = [one.role for one in pending]
            role = self.bandit.choose(state["pulls"], under_way, draws)
        empty = [at for at, members in enumerate(state["islands"]) if not members]
        taken = [one.island for one in pending if one.operator == "draft"]
        if open_ := [at for at in empty if at not in taken] or (
            empty if len(empty) == self.islands else []
        ):
            return Proposal("draft", island=draws.choice(open_), role=role)
        island = draws.choice([at for at in range(self.islands) if at not in empty])
        members = state["islands"][island]
        weights = self.weights(tree, members, pending)
        parent = draws.choices(members, weights)[0]
        others = [one for one in members if one != parent]
        if others and draws.random() < self.p_crossover:
            mate = draws.choice(others)
            return Proposal("crossover", (parent, mate), island=island, role=role)
        beside = []
        if others:
            beside = [draws.choice(others), max(others, key=lambda one: _utility(tree, one))]
        shown = tuple(dict.fromkeys(beside))
        return Proposal("improve", (parent,), island=island, role=role, beside=shown)

    def weights(
        self, tree: Tree, members: Sequence[int], pending: Sequence[Proposal] = ()
    ) -> list[float]:
        """sigmoid(λ (α - median) / MAD) / (1 + children) of each member."""
        values = [tree.scaled(tree[one]) for one in members]  # no policy sees a metric's scale
        middle = median(values)
        spread = max(median(abs(value - middle) for value in values), 1e-6)
        found = []
        for one, value in zip(members, values, strict=True):
            children = sum(tree[kid].outcome not in OURS for kid in tree.children(one))
            children += sum(one in other.parents for other in pending)
            scaled = min(max(self.sharpness * (value - middle) / spread, -500.0), 500.0)
            found.append(1 / (1 + math.exp(-scaled)) / (1 + children))
        return found

    def observe(self, state: Evolving, tree: Tree, node: Node, draws: Random) -> Evolving:
        """Let it join its island, and tell the bandit what the model's answer was worth."""
        islands, pulls = [list(members) for members in state["islands"]], state["pulls"]
        if node.role in self.arms and node.outcome not in OURS:
            pulls = self.bandit.told(pulls, node.role, gain(tree, node))
        if not node.buggy:
            self._join(islands[node.island], tree, node.id)
        if self.islands > 1 and self.migration and len(tree) % self.migrate_every == 0:
            self._migrate(islands, tree, draws)
        return {"islands": islands, "pulls": pulls}

    def _join(self, members: list[int], tree: Tree, id: int) -> None:
        if id not in members:
            members.append(id)
        if len(members) > self.archive:
            members.remove(min(members, key=lambda one: (_utility(tree, one), one)))

    def _migrate(self, islands: list[list[int]], tree: Tree, draws: Random) -> None:
        going = []
        for members in islands:
            best = max(members, key=lambda one: _utility(tree, one), default=None)
            others = [one for one in members if one != best]
            going.append(draws.sample(others, int(self.migration * len(others))))
        # All leave before anybody arrives: who arrives may push somebody out.
        for members, leaving in zip(islands, going, strict=True):
            members[:] = [one for one in members if one not in leaving]
        for at, leaving in enumerate(going):
            for one in leaving:
                self._join(islands[(at + 1) % self.islands], tree, one)


def gain(tree: Tree, node: Node) -> float:
    """max(0, score - that of the better parent, or of the first artefact), in spreads of the
    tree's scores; 0 for a failure."""
    if node.utility is None or tree.bounds is None:
        return 0.0
    first = next(iter(tree))
    before = [tree[parent].utility for parent in node.parents] + [
        None if first.id == node.id else first.utility
    ]
    known = [value for value in before if value is not None]
    low, high = tree.bounds
    if not known or high <= low:
        return 0.0
    return max(0.0, node.utility - max(known)) / (high - low)


def _utility(tree: Tree, id: int) -> float:
    utility = tree[id].utility
    assert utility is not None, "members have scores"
    return utility
