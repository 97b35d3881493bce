"""Evolution with islands: generations of improvements and crossovers of good artefacts.

AIRA_evo (arXiv:2507.02554), sheet 1.6. Differs, each where the released code goes wrong: a node
carries its island (there, islands are zipped with the surviving nodes, so that one failure moves
all later ones); a reset hits the worst half (there, the best); crossover needs two members in the
chosen island, else it is an improvement (there, an exception).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias, TypedDict

from cairn.research.node import OURS, Node, Tree
from cairn.research.policies.base import WAIT, Proposal, Wait, check, cue
from cairn.research.policies.variants import head_of, next_debug, status_of, variants


class Population(TypedDict):
    """The state."""

    generation: int
    islands: list[list[int]]
    """Ids of the members."""
    ended: list[list[int]]
    """Of this generation: [head, the good end of its chain or -1], for each variant that ended."""


Islands: TypeAlias = list[list[int]]


@dataclass(frozen=True)
class Evolution:
    """Parents are drawn by softmax of normalised fitness, children join by generations."""

    islands: int = 1
    population: int = 5
    """P: children a generation."""
    generations: int = 100
    """G: over which the temperature falls."""
    size: int = 500
    """Most members of an island; the worst are dropped."""
    p_crossover: float = 0.5
    """Chance of a crossover from generation 2 on."""
    hot: float = 1.0
    """Temperature of the softmax in the first generation."""
    cold: float = 1.0
    """And in the last."""
    p_migration: float = 0.0
    """Chance, after a generation, that the worst half of the islands is reset: each keeps its best
    member and is given one other member of a better island."""
    max_debug_depth: int = 10
    """How often a child is debugged before it is given up."""
    complexity: bool = False
    """Say how large a change is wanted, by how many were made of the same parent, or drafted."""
    steady: bool = False
    """Let children join at once and never wait for a generation: no worker idles."""

    def __post_init__(self):
        check(self, islands=(1, math.inf), population=(1, math.inf), generations=(1, math.inf),
              size=(1, math.inf), p_crossover=(0, 1), hot=(1e-9, math.inf), cold=(1e-9, math.inf),
              p_migration=(0, 1), max_debug_depth=(0, math.inf))  # fmt: skip

    def init(self) -> Population:
        """Empty islands."""
        return {"generation": 0, "islands": [[] for _ in range(self.islands)], "ended": []}

    def propose(
        self, state: Population, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal | Wait:
        """Mend what is open; then the next child of this generation."""
        found = variants(tree, self.max_debug_depth)
        if (debug := next_debug(found, pending)) is not None:
            return debug
        under_way = sum(one.operator != "debug" for one in pending)
        under_way += sum(one.status == "open" for one in found)
        if not self.steady and len(state["ended"]) + under_way >= self.population:
            return WAIT
        if state["generation"] == 0 or not any(state["islands"]):
            drafts = sum(node.outcome not in OURS for node in tree.drafts)
            drafts += sum(one.operator == "draft" for one in pending)
            size = cue(drafts, wanted=self.complexity)
            return Proposal("draft", (), size, draws.randrange(self.islands))
        return self._child(state, tree, pending, draws)

    def _child(
        self, state: Population, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal:
        generation, islands = state["generation"], state["islands"]
        heat = self.hot - (self.hot - self.cold) * min(generation / self.generations, 1.0)
        cross = generation >= 2 and draws.random() < self.p_crossover
        living = [number for number, members in enumerate(islands) if members]
        means = [_mean(tree, islands[number]) for number in living]
        island = living[_softmax(_scaled(tree, means), heat, draws)]
        members = list(islands[island])
        parents = []
        for _ in range(2 if cross and len(members) > 1 else 1):
            fitness = _scaled(tree, [_fitness(tree, member) for member in members])
            parents.append(members.pop(_softmax(fitness, heat, draws)))
        if len(parents) == 2:
            return Proposal("crossover", tuple(parents), island=island)
        children = sum(tree[one].outcome not in OURS for one in tree.children(parents[0]))
        children += sum(parents[0] in one.parents for one in pending)
        return Proposal("improve", tuple(parents), cue(children, wanted=self.complexity), island)

    def observe(self, state: Population, tree: Tree, node: Node, draws: Random) -> Population:
        """Note a variant that ended; with the last of a generation, let its good ones join."""
        if status_of(tree, node, self.max_debug_depth) == "open":
            return state
        if node.buggy and node.outcome in OURS:
            return state  # nobody's failure: the generation has another child instead
        head = head_of(tree, node)
        ended = -1 if node.buggy else node.id
        islands = [list(members) for members in state["islands"]]
        closed = [*state["ended"], [head.id, ended]]
        if self.steady and ended >= 0:
            self._join(islands, tree, node)
        if len(closed) < self.population:
            return {**state, "islands": islands, "ended": closed}
        for _, member in [] if self.steady else sorted(closed):
            if member >= 0:
                self._join(islands, tree, tree[member])
        if len(islands) > 1 and draws.random() < self.p_migration:
            _reset(islands, tree, draws, self.hot)
        return {"generation": state["generation"] + 1, "islands": islands, "ended": []}

    def _join(self, islands: Islands, tree: Tree, node: Node) -> None:
        members = islands[node.island]
        if members and _fitness(tree, node.id) < _mean(tree, members):
            return
        members.append(node.id)
        if len(members) > self.size:
            members.remove(min(members, key=lambda member: _fitness(tree, member)))


def _fitness(tree: Tree, member: int) -> float:
    utility = tree[member].utility
    assert utility is not None, "members of islands have scores"
    return utility


def _best(tree: Tree, members: Sequence[int]) -> int:
    return max(members, key=lambda member: _fitness(tree, member))


def _mean(tree: Tree, members: Sequence[int]) -> float:
    return sum(_fitness(tree, member) for member in members) / len(members)


def _scaled(tree: Tree, utilities: Sequence[float]) -> list[float]:
    """Between the worst (0) and the best (1) of all scores seen; 0.5 if these are equal."""
    low, high = tree.bounds or (0.0, 0.0)
    return [(one - low) / (high - low) if high > low else 0.5 for one in utilities]


def _softmax(values: Sequence[float], heat: float, draws: Random) -> int:
    top = max(values)
    weights = [math.exp((value - top) / heat) for value in values]
    return draws.choices(range(len(values)), weights)[0]


def _reset(islands: Islands, tree: Tree, draws: Random, heat: float) -> None:
    """The worst half of the islands keep their best member and receive one from the others."""
    order = sorted(
        range(len(islands)),
        key=lambda number: _mean(tree, islands[number]) if islands[number] else -math.inf,
    )
    worst, kept = order[: len(order) // 2], order[len(order) // 2 :]
    for number in worst:
        islands[number] = [_best(tree, islands[number])] if islands[number] else []
        # Not one that is here already, as a guest of before: no member is there twice.
        guests = []
        for donor in kept:
            best = [_best(tree, islands[donor])] if islands[donor] else []
            guests.append([one for one in islands[donor] if one not in (*best, *islands[number])])
        guests = [some for some in guests if some]
        if not guests:
            continue
        some = draws.choice(guests)
        scaled = _scaled(tree, [_fitness(tree, one) for one in some])
        islands[number].append(some[_softmax(scaled, heat, draws)])
