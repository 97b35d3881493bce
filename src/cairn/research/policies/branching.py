"""Adaptive branching, AB-MCTS-A: at each node, Thompson draws decide between a new child and a
descent.

Inoue et al. 2025 (arXiv:2503.04412; SakanaAI/treequest, `algos/ab_mcts_a`), sheet 4.4. At a node,

    GEN   a new child                 has seen the scores of the children
    CONT  a descent                   has seen the scores of all nodes below the children
    c     the sub-tree of child c     has seen the scores of c and of all nodes below it

each by a normal-inverse-gamma posterior. GEN and CONT draw; if CONT wins, the children draw. Scores
are normalised over the tree and a failure is worth 0, so that the prior (of scores in [0, 1]) fits
every metric. Differs: what "new child" means depends on the node (draft at the root, improve at a
good one, debug at a buggy one), and sub-trees in which nothing can be expanded are left out.
Pending trials need no virtual loss: the draws of workers differ.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol, runtime_checkable

from cairn.research.node import OURS, Tree
from cairn.research.policies.base import Proposal, Stateless, busy, check


class Seen(NamedTuple):
    """How many scores were seen, their sum, and the sum of their squares."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, other: "Seen") -> "Seen":
        """Those of both."""
        return Seen(self.n + other.n, self.total + other.total, self.squares + other.squares)

    def minus(self, other: "Seen") -> "Seen":
        """Those that the other, a part of it, has not."""
        return Seen(self.n - other.n, self.total - other.total, self.squares - other.squares)


class Places(NamedTuple):
    """A tree as adaptive branching sees it, in sums over sub-trees."""

    drafts: list[int]
    kids: dict[int, list[int]]
    """Children by first parents."""
    own: dict[int, Seen]
    """A node's own score."""
    below: dict[int, Seen]
    """Scores of its sub-tree, its own among them."""
    open: dict[int, bool]
    """Whether it can have a new child: good, or to be debugged and by nobody yet."""
    leads: dict[int, bool]
    """Whether it or a node below is open."""

    def at(self, place: int | None) -> list[int]:
        """Children of a node, or the drafts."""
        return self.drafts if place is None else self.kids[place]


def places(tree: Tree, pending: Sequence[Proposal], max_debug_depth: int) -> Places:
    """The sums, in one pass from the last node to the first."""
    taken = busy(pending, "debug")
    found = Places([], {}, {}, {}, {}, {})
    for node in reversed(list(tree)):
        value = tree.scaled(node)
        kids = found.kids[node.id] = found.kids.get(node.id, [])[::-1]
        seen = Seen() if node.outcome in OURS else Seen(1, value, value * value)
        below = found.own[node.id] = seen
        for kid in kids:
            below = below.plus(found.below[kid])
        found.below[node.id] = below
        found.open[node.id] = not node.buggy or (
            node.fixable and node.id not in taken and tree.debug_depth(node.id) < max_debug_depth
        )
        found.leads[node.id] = found.open[node.id] or any(found.leads[kid] for kid in kids)
        siblings = found.kids.setdefault(node.parents[0], []) if node.parents else found.drafts
        siblings.append(node.id)
    found.drafts.reverse()
    return found


@runtime_checkable
class Choose(Protocol):
    """What adaptive branching decides at a node."""

    def __call__(self, place: int | None, kids: list[int], *, new: bool) -> int | None:
        """One of `kids` to descend to, or None for a new child, if `new` allows one."""
        ...


def descend(tree: Tree, found: Places, choose: Choose) -> Proposal:
    """From the root on, until a new child wins."""
    place: int | None = None
    while True:
        kids = [kid for kid in found.at(place) if found.leads[kid]]
        new = place is None or found.open[place]
        chosen = choose(place, kids, new=new) if kids else None
        if chosen is None:
            break
        place = chosen
    if place is None:
        return Proposal("draft")
    return Proposal("debug" if tree[place].buggy else "improve", (place,))


@dataclass(frozen=True)
class AbMctsA(Stateless):
    """Adaptive branching with node aggregation. The prior's constants are those of treequest."""

    prior_mean: float = 0.0
    prior_kappa: float = 1.0
    prior_nu: float = 1.0
    prior_tau2: float = 0.1
    max_debug_depth: int = 3
    """How often a buggy node is debugged in a row."""

    def __post_init__(self):
        small = (1e-12, math.inf)
        check(self, prior_kappa=small, prior_nu=small, prior_tau2=small,
              max_debug_depth=(0, math.inf))  # fmt: skip

    def propose(
        self, state: None, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal:
        """Descend by Thompson draws."""
        found = places(tree, pending, self.max_debug_depth)

        def choose(place: int | None, kids: list[int], *, new: bool) -> int | None:
            every = found.at(place)
            made = _sum(found.own[kid] for kid in every)
            deeper = _sum(found.below[kid].minus(found.own[kid]) for kid in every)
            if new and self._draw(made, draws) >= self._draw(deeper, draws):
                return None
            return max(kids, key=lambda kid: self._draw(found.below[kid], draws))

        return descend(tree, found, choose)

    def _draw(self, seen: Seen, draws: Random) -> float:
        """A mean drawn from the posterior: sigma^2 ~ InvGamma(nu/2, nu tau^2/2), then
        mu ~ N(m, sigma^2 / kappa)."""
        mean, kappa, nu, tau2 = self.posterior(seen)
        variance = (nu * tau2 / 2) / draws.gammavariate(nu / 2, 1.0)
        return draws.gauss(mean, math.sqrt(variance / kappa))

    def posterior(self, seen: Seen) -> tuple[float, float, float, float]:
        """m', kappa', nu' and tau'^2 after these scores (Gelman et al., BDA3, section 3.3)."""
        m, kappa, nu, tau2 = self.prior_mean, self.prior_kappa, self.prior_nu, self.prior_tau2
        n = seen.n
        if n == 0:
            return m, kappa, nu, tau2
        mean = seen.total / n
        spread = max(seen.squares - n * mean * mean, 0.0)
        after = kappa + n
        squares = nu * tau2 + spread + n * kappa * (m - mean) ** 2 / after
        return (kappa * m + seen.total) / after, after, nu + n, squares / (nu + n)


def _sum(parts: Iterable[Seen]) -> Seen:
    total = Seen()
    for part in parts:
        total = total.plus(part)
    return total
