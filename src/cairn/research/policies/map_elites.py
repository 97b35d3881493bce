"""Islands of MAP-Elites grids over programs, as OpenEvolve has them.

algorithmicsuperintelligence/openevolve (`database.py`), sheet 3.3. Axes are length and distance
from the first artefact. Differs, each where the released code goes wrong: axes are fixed, so that
an elite is in its cell for good (there bins move with what was seen, and old elites stay behind);
the second axis is measured from the search's first artefact (there from a changing sample); a child
stays on its parent's island, and only migrants are on several; nobody is evicted from a cell but by
a better one.
"""

import difflib
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from typing import TypedDict

from cairn.archive.grid import Grid
from cairn.research.node import Node, Tree
from cairn.research.policies.base import Proposal, check

SHORTEST, LONGEST = 4.0, 17.0
"""Of the axis of length: powers of two in characters."""


class Islands(TypedDict):
    """The state."""

    cells: list[dict[str, int]]
    """By island: the id of each cell's elite."""
    born: list[int]
    """Nodes that were told, by island."""


@dataclass(frozen=True)
class MapElites:
    """Islands take turns; parents come from an island's own grid."""

    islands: int = 5
    bins: int = 10
    """Along each axis."""
    explore: float = 0.2
    """Chance of any elite of the island as the parent, all alike ..."""
    exploit: float = 0.7
    """... of one of them that is in the archive of all islands; else by fitness."""
    archive: int = 100
    """Best elites of all islands together."""
    top: int = 3
    """Best elites of the island that are shown besides ..."""
    diverse: int = 2
    """... and others, all alike."""
    migrate_every: int = 50
    """Nodes of an island between migrations to the next one."""
    migrants: float = 0.1
    """Share of an island's elites, the best, that go."""

    def __post_init__(self):
        whole = (1, math.inf)
        check(self, islands=whole, bins=whole, archive=whole, migrate_every=whole, explore=(0, 1),
              exploit=(0, 1), migrants=(0, 1), top=(0, math.inf),
              diverse=(0, math.inf))  # fmt: skip

    @cached_property
    def _edges(self) -> list[list[float]]:
        grid = Grid((self.bins, self.bins), (SHORTEST, 0.0), (LONGEST, 1.0))
        return [grid.edges(axis)[1:-1].tolist() for axis in range(2)]

    def init(self) -> Islands:
        """Empty grids."""
        return {"cells": [{} for _ in range(self.islands)], "born": [0] * self.islands}

    def propose(
        self, state: Islands, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal:
        """A child of the island whose turn it is; a draft while it has nobody."""
        island = (len(tree) + len(pending)) % self.islands
        elites = sorted(set(state["cells"][island].values()))
        if not elites:
            return Proposal("draft", island=island)
        parent = self._parent(state, tree, elites, draws)
        others = [one for one in elites if one != parent]
        best = sorted(others, key=lambda one: -_fitness(tree, one))[: self.top]
        rest = [one for one in others if one not in best]
        diverse = draws.sample(rest, min(self.diverse, len(rest)))
        return Proposal("improve", (parent,), island=island, beside=(*best, *diverse))

    def _parent(self, state: Islands, tree: Tree, elites: list[int], draws: Random) -> int:
        coin = draws.random()
        if coin < self.explore:
            return draws.choice(elites)
        if coin < self.explore + self.exploit:
            every = {one for cells in state["cells"] for one in cells.values()}
            kept = sorted(every, key=lambda one: (-_fitness(tree, one), one))[: self.archive]
            here = [one for one in elites if one in kept]
            return draws.choice(here or elites)
        weights = [1e-6 + tree.scaled(tree[one]) for one in elites]
        return draws.choices(elites, weights)[0]

    def observe(self, state: Islands, tree: Tree, node: Node, draws: Random) -> Islands:
        """Offer it to its island's grid; after some nodes, send the best to the next island."""
        cells = [dict(one) for one in state["cells"]]
        born = list(state["born"])
        born[node.island] += 1
        if not node.buggy:
            self._offer(cells[node.island], tree, node.id)
        if self.islands > 1 and born[node.island] % self.migrate_every == 0:
            here = set(cells[node.island].values())
            best = sorted(here, key=lambda one: (-_fitness(tree, one), one))
            for one in best[: math.ceil(self.migrants * len(best))]:
                self._offer(cells[(node.island + 1) % self.islands], tree, one)
        return {"cells": cells, "born": born}

    def _offer(self, cells: dict[str, int], tree: Tree, id: int) -> None:
        cell = str(self.cell(tree, tree[id]))
        if cell not in cells or _fitness(tree, id) > _fitness(tree, cells[cell]):
            cells[cell] = id

    def cell(self, tree: Tree, node: Node) -> int:
        """Where a node belongs: a function of its text and the tree's first."""
        first = next((one.text for one in tree if one.text), "")
        features = (math.log2(max(len(node.text), 1)), distance(first, node.text))
        row, column = (
            bisect_right(edges, value) for edges, value in zip(self._edges, features, strict=True)
        )
        return row * self.bins + column


@lru_cache(maxsize=4096)
def distance(one: str, other: str) -> float:
    """Which share of two texts' lines is not shared, in order: in [0, 1]."""
    lines = one.splitlines(), other.splitlines()
    return 1.0 - difflib.SequenceMatcher(None, *lines, autojunk=False).ratio()


def _fitness(tree: Tree, id: int) -> float:
    utility = tree[id].utility
    assert utility is not None, "elites have scores"
    return utility
