"""Greedy search: several drafts, then always improve the best; now and then mend a buggy leaf.

AIDE (WecoAI/aideml, `aide/agent.py`) and AIRA_greedy (arXiv:2507.02554). Differs: pending trials
count as drafts made and as leaves that somebody mends already, so that workers do not do one thing
twice; what cannot be mended (no artefact, a failure that is ours) is not tried.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from cairn.research.node import OURS, Tree
from cairn.research.policies.base import Proposal, Stateless, busy, check, cue


@dataclass(frozen=True)
class Greedy(Stateless):
    """As AIRA_greedy: every buggy leaf is mended before anything else."""

    drafts: int = 5
    """New approaches before the first improvement."""
    p_debug: float = 1.0
    """Chance that a buggy leaf is mended, where there is one."""
    max_debug_depth: int = 20
    """Leaves with more buggy ancestors in a row are given up."""
    complexity: bool = False
    """Ask for simple changes first, for complex ones later."""

    def __post_init__(self):
        check(self, drafts=(1, math.inf), p_debug=(0, 1), max_debug_depth=(0, math.inf))

    def propose(
        self, state: None, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal:
        """Draft, debug a uniform buggy leaf, or improve the best."""
        # A fault of ours was no approach.
        drafts = sum(node.outcome not in OURS for node in tree.drafts)
        drafts += sum(one.operator == "draft" for one in pending)
        draft = Proposal("draft", (), cue(drafts, wanted=self.complexity))
        if drafts < self.drafts:
            return draft
        if draws.random() < self.p_debug:
            taken = busy(pending, "debug") | tree.tried
            leaves = [
                node.id
                for node in tree
                if node.fixable
                and node.id not in taken
                and tree.debug_depth(node.id) <= self.max_debug_depth
            ]
            if leaves:
                return Proposal("debug", (draws.choice(leaves),))
        best = tree.best()
        if best is None:
            return draft
        children = sum(tree[one].outcome not in OURS for one in tree.children(best.id))
        children += sum(best.id in one.parents for one in pending)
        return Proposal("improve", (best.id,), cue(children, wanted=self.complexity))


@dataclass(frozen=True)
class Aide(Greedy):
    """As AIDE."""

    p_debug: float = 0.5
    max_debug_depth: int = 3
