"""Trees of both kinds of Monte Carlo search against oracles: mctx, and an exact enumeration."""

import asyncio
import hashlib
import json
import math
import random
from pathlib import Path

import pytest
from puzzle_graphs import Graph, Told
from tree_harness import landscape

from cairn.research.node import Node, Tree, utility_of
from cairn.research.policies.mcts import Mcts
from cairn.research.puzzles import mcts
from cairn.research.puzzles.protocol import Move
from cairn.research.puzzles.tree import Tree as States

GOLDEN = json.loads(Path(__file__).with_name("mcts_golden.json").read_text())
"""Made by `benchmarks/peers/mctx_golden.py`, which says what it is."""


def drawn(seed, what, way):
    body = hashlib.blake2b(f"{seed} {what} {way}".encode(), digest_size=8).digest()
    return int.from_bytes(body) / 2**64


class Endless(Graph):
    """Three moves from everywhere."""

    start = ""

    def moves(self, state):
        return tuple(Move(action, f"{state}{action}") for action in "012")


class Hashed(Told):
    """Values and priors are hashes of the way."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    async def value(self, at):
        self._add("value", at.state)
        return 0.4 + 0.2 * drawn(self.seed, "value", at.state)

    async def prior(self, at):
        return [0.05 + drawn(self.seed, "prior", move.state) for move in at.moves]


@pytest.mark.parametrize("row", GOLDEN["rows"], ids=lambda row: f"{row['seed']}-{row['c']}")
def test_puct_expands_the_states_that_mctx_expands_in_its_order(row):
    judge, config = Hashed(row["seed"]), mcts.Config(row["c"], simulations=len(row["expanded"]))
    asyncio.run(mcts.search(States(Endless({})), judge, config=config))
    assert [state for role, state in judge.log if role == "value"] == row["expanded"]


def enumerated(tree, pending, config):
    """Where AIRA's search goes on, said slowly: every visit is a list entry, every sum is taken
    anew from the whole tree, and the descent is the formula. (operator, parents)."""
    chains = {}  # head -> its attempts, the last one is what it stands for
    for node in tree:
        chains[node.id] = [node] if node.operator != "debug" else None
        if node.operator == "debug":
            head = next(h for h, c in chains.items() if c and c[-1].id == node.parents[0])
            chains[head].append(node)
    chains = {head: chain for head, chain in chains.items() if chain}
    taken = {one[1][0] for one in pending if one[0] == "debug"}
    good = {head for head, chain in chains.items() if chain[-1].utility is not None}
    for head, chain in chains.items():
        last = chain[-1]
        short = len(chain) - 1 < config.max_debug_depth
        if head not in good and last.text and short and last.id not in taken:
            return "debug", (last.id,)
    scores = [chain[-1].utility for head, chain in chains.items() if head in good]

    def worth(head):
        if head not in good:
            return 0.0
        low, high = min(scores), max(scores)
        return (chains[head][-1].utility - low) / (high - low) if high > low else 0.5

    made_of = {  # (parent's node id or None, value) of every variant and every pending one
        head: chain[0].parents[0] if chain[0].parents else None for head, chain in chains.items()
    }
    waiting = [(one[1][0] if one[1] else None) for one in pending if one[0] != "debug"]

    def visits(head):
        """Values that pass through a variant: its own, and those of all made below it."""
        own = {node.id for node in chains[head]}
        below = [v for h, place in made_of.items() if place in own for v in visits(h)]
        return [worth(head), *below, *[0.0 for place in waiting if place in own]]

    def born(place):
        return sum(p == place for p in made_of.values()) + sum(p == place for p in waiting)

    def kids(place):
        return [head for head, p in made_of.items() if p == place and head in good]

    def expand(place):
        return ("draft", ()) if place is None else ("improve", (place,))

    for place in (None, *(chains[head][-1].id for head in chains if head in good)):
        if 0 < born(place) < config.children:
            return expand(place)
    place, seen = None, sum(len(visits(h)) for h, p in made_of.items() if p is None)
    seen += sum(p is None for p in waiting)
    while True:
        wide = math.ceil(seen**config.widening) if config.widening else 1
        if not kids(place) or born(place) < max(config.children, wide):
            return expand(place)
        bound = {}
        for head in kids(place):
            values = visits(head)
            mean = sum(values) / len(values)
            bound[head] = mean + config.exploration * math.sqrt(math.log(seen) / len(values))
        head = max(bound, key=lambda one: bound[one])
        place, seen = chains[head][-1].id, len(visits(head))


@pytest.mark.parametrize(
    ("config", "lag"),
    [(Mcts(), 1), (Mcts(children=2, widening=0, exploration=1.0, max_debug_depth=1), 1),
     (Mcts(children=1, exploration=0.7, max_debug_depth=2), 4), (Mcts(children=3), 6)],
)  # fmt: skip
def test_uct_goes_where_an_exact_enumeration_of_the_tree_goes(config, lag):
    for seed in range(3):
        tree, pending, said = Tree(), [], set()
        for id in range(70):
            while len(pending) < lag:
                proposal = config.propose(None, tree, pending, random.Random(0))
                slow = enumerated(tree, [(one.operator, one.parents) for one in pending], config)
                assert (proposal.operator, proposal.parents) == slow
                pending.append(proposal)
                said.add(proposal.operator)
            proposal = pending.pop(0)
            found = landscape(proposal, tree, random.Random(f"{seed} {id}"))
            text = "" if found == "empty" else repr(found)
            score = None if found == "empty" else found
            tree = tree.grown(
                Node(id, proposal.parents, proposal.operator, text, score=score,
                     utility=utility_of(score, larger_is_better=True))
            )  # fmt: skip
        assert said == {"draft", "debug", "improve"} and len(tree.drafts) < 60
