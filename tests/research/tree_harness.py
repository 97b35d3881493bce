"""Tree policies driven by hand: no engine, no model, every draw keyed by the trial's number."""

import random
from collections import deque

from cairn.research.node import Node, Tree, utility_of
from cairn.research.policies.base import WAIT


def grown(policy, quality, trials, *, metric=lambda q: q, larger=True, lag=1, seed=0):
    """The tree, and the proposals in order. `quality(proposal, tree, draws)` gives the quality that
    the metric measures, or None for a bug, or "empty" for a failure that leaves no artefact."""
    tree, state, pending, made = Tree(), policy.init(), deque(), []
    while len(tree) < trials:
        while len(pending) < lag and len(made) < trials:
            draws = random.Random(f"{seed} {len(made)} ask")
            proposal = policy.propose(state, tree, list(pending), draws)
            if proposal is WAIT:
                assert pending, "it waits although nothing is pending"
                break
            check(proposal, tree)
            pending.append(proposal)
            made.append(proposal)
        proposal, id = pending.popleft(), len(tree)
        found = quality(proposal, tree, random.Random(f"{seed} {id} score"))
        text = "" if found == "empty" else repr(found)
        found = None if found in (None, "empty") else metric(found)
        node = Node(
            id, proposal.parents, proposal.operator, text, score=found, island=proposal.island,
            utility=utility_of(found, larger_is_better=larger), role=proposal.role,
            parts=parts_of(text, found, metric, larger=larger),
        )  # fmt: skip
        tree = tree.grown(node)
        state = policy.observe(state, tree, node, random.Random(f"{seed} {id} tell"))
    return tree, made


def parts_of(text, found, metric, *, larger):
    """Scores of three examples that a program does well or badly at, as utilities."""
    if found is None:
        return ()
    draws = random.Random(text)
    qualities = [float(text) + draws.gauss(0, 1) for _ in range(3)]
    return tuple(utility_of(metric(q), larger_is_better=larger) for q in qualities)


def check(proposal, tree):
    """What every proposal must keep."""
    parents = [tree[parent] for parent in proposal.parents]
    count = {"draft": 0, "improve": 1, "debug": 1, "crossover": 2}[proposal.operator]
    assert len(parents) == count == len(set(proposal.parents)), proposal
    if proposal.operator in ("improve", "crossover"):
        assert not any(parent.buggy for parent in parents), proposal
    if proposal.operator == "debug":
        assert parents[0].fixable and parents[0].island == proposal.island, proposal


def landscape(proposal, tree, draws):
    """AIRA's question in small: drafts differ, improvements mostly hurt, three in ten are buggy."""
    if proposal.operator == "debug":
        if draws.random() < 0.5:
            return None
        return draws.gauss(0.0, 1.0)
    if draws.random() < 0.3:
        return None if draws.random() < 0.8 else "empty"
    if proposal.operator == "draft":
        return draws.gauss(0.0, 1.0)
    base = max(float(tree[parent].text) for parent in proposal.parents)
    return base + draws.gauss(-0.1, 0.3)


def listed(*outcomes):
    """The outcomes in the order of ids."""
    return lambda proposal, tree, draws: outcomes[len(tree)]
