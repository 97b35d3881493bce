"""Variants: an artefact together with the attempts to mend it, as AIRA's debug chains."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from cairn.research.node import OURS, Node, Tree
from cairn.research.policies.base import Proposal, busy

Status: TypeAlias = Literal["good", "open", "failed"]


class Variant(NamedTuple):
    """A new artefact, and the chain that debugged it: linear, in the order of ids."""

    head: Node
    """As it was made: by any operator but debug."""
    last: Node
    """The end of its chain: the head itself if it was never debugged. A fault of ours is no end."""
    status: Status
    """Whether the last has a score, may be debugged further, or is given up."""


def head_of(tree: Tree, node: Node) -> Node:
    """The head of the variant that a node is part of."""
    while node.operator == "debug":
        node = tree[node.parents[0]]
    return node


def variants(tree: Tree, max_debug_depth: int) -> list[Variant]:
    """All variants, by the ids of their heads."""
    ends = {node.id: node for node in tree if node.operator != "debug"}
    for node in tree:
        if node.operator == "debug" and node.outcome not in OURS:
            ends[head_of(tree, node).id] = node
    return [Variant(tree[id], last, status_of(tree, last, max_debug_depth))
            for id, last in ends.items()]  # fmt: skip


def status_of(tree: Tree, last: Node, max_debug_depth: int) -> Status:
    """Of a variant, by the end of its chain."""
    if not last.buggy:
        return "good"
    return "open" if last.fixable and tree.debug_depth(last.id) < max_debug_depth else "failed"


def next_debug(found: Sequence[Variant], pending: Sequence[Proposal]) -> Proposal | None:
    """Debugging the earliest open variant that nobody debugs, if there is one."""
    taken = busy(pending, "debug")
    for one in found:
        if one.status == "open" and one.last.id not in taken:
            return Proposal("debug", (one.last.id,), island=one.last.island)
    return None
