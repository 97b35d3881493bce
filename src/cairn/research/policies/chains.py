"""Baselines without a choice of where to go on: best of N, restarts, linear refinement."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from cairn.research.node import OURS, Node, Tree
from cairn.research.policies.base import WAIT, Proposal, Stateless, Wait, check

STEPS = {"steps": (1, math.inf)}


@dataclass(frozen=True)
class BestOf(Stateless):
    """Best of N: every trial is a new draft."""

    def propose(
        self, state: None, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal:
        """A draft."""
        return Proposal("draft")


@dataclass(frozen=True)
class Restarts(Stateless):
    """Random restarts: a draft is refined step by step, then the next draft. Chains run side by
    side where there are several workers."""

    steps: int | None = 10
    """Nodes of a chain, the draft among them; None: no end."""
    max_debug_depth: int = 3
    """Beyond, the chain goes back to its last good node, or ends if it has none."""

    def __post_init__(self):
        check(self, max_debug_depth=(0, math.inf), **{} if self.steps is None else STEPS)

    def propose(
        self, state: None, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal | Wait:
        """The next step of the earliest chain that is not at its end, or a new draft."""
        held = {tree.path(one.parents[0])[0] for one in pending if one.parents}
        chains: dict[int, list[Node]] = {}
        for node in tree:
            chains.setdefault(tree.path(node.id)[0], []).append(node)
        for first, chain in chains.items():
            if first not in held and (step := self._next(tree, chain)) is not None:
                return step
        return Proposal("draft")

    def _next(self, tree: Tree, chain: Sequence[Node]) -> Proposal | None:
        made = [node for node in chain if node.outcome not in OURS]  # a fault of ours was no step
        if not made or (self.steps is not None and len(made) >= self.steps):
            return None
        last = made[-1]
        if last.fixable and tree.debug_depth(last.id) < self.max_debug_depth:
            return Proposal("debug", (last.id,))
        good = [node for node in chain if not node.buggy]
        return Proposal("improve", (good[-1].id,)) if good else None


@dataclass(frozen=True)
class Linear(Restarts):
    """Linear refinement: one chain, each step on what the last one left. One worker at a time."""

    steps: int | None = None

    def propose(
        self, state: None, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal | Wait:
        """The next step, once the last is told."""
        return WAIT if pending else super().propose(state, tree, pending, draws)
