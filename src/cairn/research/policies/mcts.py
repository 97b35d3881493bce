"""Monte-Carlo tree search over artefacts: the value of a node is its own score, no rollout.

AIRA_mcts (arXiv:2507.02554), sheet 1.5. UCT on scores that are normalised over the tree,

    UCT(c) = W_c / N_c + C sqrt(ln N_parent / N_c)

Differs, each where the released code goes wrong: a variant that could not be mended counts as a
visit with the worst value (there it costs nothing, so the search falls into it again and again);
`improve` never has a buggy parent; and nodes widen with their visits (`widening`, as progressive
widening, Coulom 2007), so that bad drafts can be left behind. Pending trials are visits with the
worst value until they are told (virtual loss, Chaslot et al. 2008).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from cairn.research.node import OURS, Node, Tree
from cairn.research.policies.base import Proposal, Stateless, check, cue
from cairn.research.policies.variants import Variant, head_of, next_debug, variants

ROOT = -1
"""Stands for the empty artefact, whose children are the drafts."""


@dataclass(frozen=True)
class Mcts(Stateless):
    """Expands the leaf of largest UCT with several children; mends each buggy one first."""

    exploration: float = 0.25
    """C."""
    children: int = 5
    """How many a node is given at once when it is expanded."""
    widening: float = 0.5
    """A node with N visits may have ⌈N^widening⌉ children, if that is more than `children`;
    0: never more (as AIRA)."""
    max_debug_depth: int = 20
    """How often a variant is debugged before it counts as failed."""
    complexity: bool = False
    """Ask for simple changes first, for complex ones later."""

    def __post_init__(self):
        check(self, exploration=(0, math.inf), children=(1, math.inf), widening=(0, 1),
              max_debug_depth=(0, math.inf))  # fmt: skip

    def propose(
        self, state: None, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal:
        """Mend what is open, finish what is being expanded, else descend by UCT."""
        found = variants(tree, self.max_debug_depth)
        if (debug := next_debug(found, pending)) is not None:
            return debug
        stats = Statistics(tree, found, pending)
        for place in (ROOT, *(one.last.id for one in found if one.status == "good")):
            if 0 < stats.born[place] < self.children:
                return self._expand(place, stats)
        place, visited = ROOT, ROOT
        while stats.good[place] and stats.born[place] >= self._width(stats.visits[visited]):
            best = max(stats.good[place], key=lambda one: self._uct(one, stats, visited))
            place, visited = best.last.id, best.head.id
        return self._expand(place, stats)

    def _width(self, visits: int) -> int:
        return max(self.children, math.ceil(visits**self.widening) if self.widening else 1)

    def _uct(self, one: Variant, stats: "Statistics", parent: int) -> float:
        visits = stats.visits[one.head.id]
        mean = stats.worth[one.head.id] / visits
        return mean + self.exploration * math.sqrt(math.log(stats.visits[parent]) / visits)

    def _expand(self, place: int, stats: "Statistics") -> Proposal:
        complexity = cue(stats.born[place], wanted=self.complexity)
        if place == ROOT:
            return Proposal("draft", (), complexity)
        return Proposal("improve", (place,), complexity)


class Statistics:
    """Visits and values of a tree, backed up from every variant and every pending trial."""

    def __init__(self, tree: Tree, found: Sequence[Variant], pending: Sequence[Proposal]):
        self.visits: Counter[int] = Counter()
        """N by the head of the variant; ROOT: of all."""
        self.worth: defaultdict[int, float] = defaultdict(float)
        """W: the sum of values in [0, 1] below, its own among them."""
        self.born: Counter[int] = Counter()
        """Variants made of a good node, by its id, those under way among them."""
        self.good: defaultdict[int, list[Variant]] = defaultdict(list)
        """Those of them with a score: where a descent may go on."""
        for one in found:
            if one.status != "good" and one.last.outcome in OURS:
                continue  # our fault: it says nothing of the place that it was made at
            place = one.head.parents[0] if one.head.parents else ROOT
            self.born[place] += 1
            if one.status == "good":
                self.good[place].append(one)
            # A failed one counts as the worst; so does one that is being mended, until then.
            value = tree.scaled(one.last) if one.status == "good" else 0.0
            self._back_up(tree, one.head, value)
        for proposal in pending:
            if proposal.operator == "debug":
                continue  # its variant is in the tree
            self.born[proposal.parents[0] if proposal.parents else ROOT] += 1
            parent = tree[proposal.parents[0]] if proposal.parents else None
            self._back_up(tree, parent and head_of(tree, parent), 0.0)

    def _back_up(self, tree: Tree, head: Node | None, value: float) -> None:
        while head is not None:
            self.visits[head.id] += 1
            self.worth[head.id] += value
            head = head_of(tree, tree[head.parents[0]]) if head.parents else None
        self.visits[ROOT] += 1
        self.worth[ROOT] += value
