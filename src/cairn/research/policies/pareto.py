"""A Pareto front over examples: whoever is best at something may have children.

GEPA (Agrawal et al. 2025, arXiv:2507.19457, algorithm 2): for each example the artefacts that are
best at it; those whose every such example somebody else covers too are taken out; a parent is drawn
by how many examples it is best at. Improvement is reflective: the operator sees what the parent did
(the grader's feedback); a merge is a crossover of two of the front. Differs: every child is scored
on all examples (there on a few first), since what an evaluation costs is the evaluator's to say
(`cairn.research.cascade`); where the grader gives no scores of examples, the score is the only one.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from cairn.research.node import OURS, Node, Tree
from cairn.research.policies.base import WAIT, Proposal, Stateless, Wait, check


@dataclass(frozen=True)
class Pareto(Stateless):
    """Children of the front."""

    drafts: int = 1
    """Artefacts before the first improvement."""
    p_merge: float = 0.1
    """Chance of a crossover of two of the front."""
    max_debug_depth: int = 1
    """How often a failed child is debugged in a row."""

    def __post_init__(self):
        check(self, drafts=(1, math.inf), p_merge=(0, 1), max_debug_depth=(0, math.inf))

    def propose(
        self, state: Any, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal | Wait:
        """A draft, a failed child mended, a merge, or a reflective improvement."""
        drafts = sum(node.outcome not in OURS for node in tree.drafts)
        drafts += sum(one.operator == "draft" for one in pending)
        if drafts < self.drafts:
            return Proposal("draft")
        if not tree.good:  # the artefact to begin with may be under way
            return WAIT if pending else Proposal("draft")
        taken = tree.tried | {one.parents[0] for one in pending if one.operator == "debug"}
        for node in tree:
            free = node.fixable and node.id not in taken and bool(node.parents)
            if free and tree.debug_depth(node.id) < self.max_debug_depth:
                return Proposal("debug", (node.id,))
        covered = front(tree.good)
        ids = list(covered)
        parent = draws.choices(ids, [covered[id] for id in ids])[0]
        others = [id for id in ids if id != parent and parent not in tree.lineage(id)
                  and id not in tree.lineage(parent)]  # fmt: skip
        if others and draws.random() < self.p_merge:
            mate = draws.choices(others, [covered[id] for id in others])[0]
            return Proposal("crossover", (parent, mate))
        return Proposal("improve", (parent,))


def front(nodes: Sequence[Node]) -> Mapping[int, int]:
    """Ids of those on the front, with the number of examples at which each is best."""
    scores = {node.id: node.parts or (node.utility,) for node in nodes if node.utility is not None}
    length = max(len(parts) for parts in scores.values())
    scores = {id: parts for id, parts in scores.items() if len(parts) == length}
    best = []
    for example in range(length):
        top = max(parts[example] for parts in scores.values())
        best.append({id for id, parts in scores.items() if parts[example] == top})
    total = {id: sum(scores[id]) for id in scores}
    kept = set().union(*best)
    # The weakest goes first, so that of two that cover the same the better one stays.
    for id in sorted(kept, key=lambda id: (total[id], -id)):
        if all(len(winners & kept) > 1 for winners in best if id in winners):
            kept.discard(id)
    counts = Counter(id for winners in best for id in winners & kept)
    return dict(sorted(counts.items()))
