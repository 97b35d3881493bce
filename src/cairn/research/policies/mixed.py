"""Adaptive branching, AB-MCTS-M: the children of a node as groups of a mixed model, sampled in
closed form on a grid.

Inoue et al. 2025 (arXiv:2503.04412; SakanaAI/treequest, `algos/ab_mcts_m`). Group j is the sub-tree
of child j, with scores y:

    y ~ N(alpha_j, s),  alpha_j ~ N(mu, a),  mu ~ N(m0, v0),  sqrt(a), sqrt(s) half-normal

One score is predicted for each child and one for a new group; the largest wins. The reference
samples by NUTS; given (a, s) everything else is Gaussian, so a grid over (a, s) draws from the same
posterior without a chain (derivation: sheet 4.4). Differs besides: as AB-MCTS-A does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from cairn.research.node import OURS, Tree
from cairn.research.policies.base import Proposal, Stateless, check
from cairn.research.policies.branching import descend, places


@dataclass(frozen=True)
class Prior:
    """Of scores in [0, 1]; the constants are those of treequest."""

    mean: float = 0.5
    mean_sd: float = 0.2
    between_sd: float = 0.2
    """Scale of the half-normal over sqrt(a)."""
    within_sd: float = 0.3
    """Scale of the half-normal over sqrt(s)."""


class Groups:
    """The posterior of a mixed model on a grid that is uniform in both standard deviations."""

    def __init__(
        self, scores: Sequence[Sequence[float]], prior: Prior | None = None, cells: int = 24
    ):
        """`scores` by group, none of them empty; `cells` along each axis of the grid."""
        self.prior = prior = prior or Prior()
        self.n = np.array([len(group) for group in scores], float)
        self.mean = np.array([sum(group) / len(group) for group in scores])
        self.within = float(sum(((np.asarray(g) - m) ** 2).sum()
                                for g, m in zip(scores, self.mean, strict=True)))  # fmt: skip
        # Midpoints up to four scales: a half-normal has 6e-5 of its mass beyond.
        steps = (np.arange(cells) + 0.5) * 4 / cells
        between, within = np.meshgrid(
            (prior.between_sd * steps) ** 2, (prior.within_sd * steps) ** 2, indexing="ij"
        )
        self.a, self.s = between.ravel(), within.ravel()
        self.log_density = self._log_density()
        weights = np.exp(self.log_density - self.log_density.max())
        self.cumulative = np.cumsum(weights)

    def _log_density(self) -> np.ndarray:
        """log p(y | a, s) + log p(a, s), by cell, up to a constant."""
        prior, a, s = self.prior, self.a, self.s
        d = a[:, None] + s[:, None] / self.n  # [cells, groups]: variance of a group's mean
        precision, centre = self._mu(a, s)
        groups, total = len(self.n), self.n.sum()
        return (
            -0.5 * (total - groups) * np.log(s)
            - self.within / (2 * s)
            - 0.5 * np.log(d).sum(1)
            - 0.5 * (self.mean**2 / d).sum(1)
            + 0.5 * precision * centre**2
            - 0.5 * np.log(precision)
            - a / (2 * prior.between_sd**2)
            - s / (2 * prior.within_sd**2)
        )

    def _mu(self, a: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Precision and mean of mu given a and s."""
        d = a[:, None] + s[:, None] / self.n
        v0 = self.prior.mean_sd**2
        precision = 1 / v0 + (1 / d).sum(1)
        return precision, (self.prior.mean / v0 + (self.mean / d).sum(1)) / precision

    def predict(self, draws: np.random.Generator) -> np.ndarray:
        """One score for each group, then one for a new group, from the joint posterior."""
        place = draws.random() * self.cumulative[-1]
        cell = int(np.searchsorted(self.cumulative, place, side="right"))
        precision, centre = self._mu(self.a[cell : cell + 1], self.s[cell : cell + 1])
        a, s = self.a[cell], self.s[cell]
        mu = draws.normal(centre[0], 1 / math.sqrt(precision[0]))
        tight = 1 / a + self.n / s
        alpha = draws.normal((mu / a + self.n * self.mean / s) / tight, 1 / np.sqrt(tight))
        return np.append(draws.normal(alpha, math.sqrt(s)), draws.normal(mu, math.sqrt(a + s)))


@dataclass(frozen=True)
class AbMctsM(Stateless):
    """Adaptive branching with a mixed model."""

    prior_mean: float = 0.5
    prior_mean_sd: float = 0.2
    prior_between_sd: float = 0.2
    prior_within_sd: float = 0.3
    cells: int = 24
    """Of the grid, along each of its two axes."""
    prune_nodes: int = 4
    """A sub-tree of so many nodes is not gone on with, ..."""
    prune_share: float = 0.75
    """... if so large a share of its scores is equal to two decimals."""
    max_debug_depth: int = 3
    """How often a buggy node is debugged in a row."""

    def __post_init__(self):
        small = (1e-9, math.inf)
        check(self, prior_mean_sd=small, prior_between_sd=small, prior_within_sd=small,
              cells=(2, math.inf), prune_nodes=(1, math.inf), prune_share=(0, 1),
              max_debug_depth=(0, math.inf))  # fmt: skip

    def propose(
        self, state: None, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal:
        """Descend to whichever has the largest predicted score, until that is a new child."""
        found = places(tree, pending, self.max_debug_depth)
        values: dict[int, list[float]] = {}
        for node in reversed(list(tree)):
            below = [one for kid in found.kids[node.id] for one in values[kid]]
            # A fault of ours is no score: not even the worst.
            own = [] if node.outcome in OURS else [tree.scaled(node)]
            values[node.id] = own + below
        prior = Prior(self.prior_mean, self.prior_mean_sd, self.prior_between_sd,
                      self.prior_within_sd)  # fmt: skip

        def choose(place: int | None, kids: list[int], *, new: bool) -> int | None:
            every = [kid for kid in found.at(place) if values[kid]]
            model = Groups([values[kid] for kid in every], prior, self.cells)
            drawn = model.predict(np.random.default_rng(draws.getrandbits(64)))
            score = dict(zip(every, drawn, strict=False))
            going = [kid for kid in kids if not self._exhausted(values[kid])]
            if not going and new:
                return None
            best = max(going or kids, key=lambda kid: score[kid])
            return None if new and drawn[-1] >= score[best] else best

        return descend(tree, found, choose)

    def _exhausted(self, scores: Sequence[float]) -> bool:
        rounded = [round(score, 2) for score in scores]
        most = max(rounded.count(score) for score in set(rounded))
        return len(scores) >= self.prune_nodes and most >= self.prune_share * len(scores)
