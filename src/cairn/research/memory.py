"""What an operator is told of the search so far: memory scopes, as AIRA has them (sheet 1.3)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from cairn.core.errors import ConfigError, suggest
from cairn.research.node import OURS, Node, Tree
from cairn.research.policies.base import Proposal

Scope = Literal["none", "simple", "all", "plans", "sibling", "ancestral"]
LONGEST = 8_000
"""Characters of a memory; the oldest entries are left out first."""
SHOWN = 5_100
"""Output longer than this is shown by its first and last 2,500 characters (AIRA)."""


def recall(scope: str, tree: Tree, proposal: Proposal) -> str:
    """The memory for a proposal. Raises ConfigError for a scope that does not exist."""
    if scope not in SCOPES:
        raise ConfigError(
            f"memory must be one of {', '.join(SCOPES)}, got {scope!r}.{suggest(scope, SCOPES)}"
        )
    return SCOPES[scope](tree, proposal)


def trimmed(text: str) -> str:
    """Head and tail of a long output."""
    if len(text) <= SHOWN:
        return text
    return f"{text[:2_500]}\n[… {len(text) - 5_000} characters left out …]\n{text[-2_500:]}"


def _simple(tree: Tree, proposal: Proposal) -> str:
    return _told(tree.good)


def _all(tree: Tree, proposal: Proposal) -> str:
    return _told(_theirs(tree))


def _plans(tree: Tree, proposal: Proposal) -> str:
    return _told(tree.good, scores=False)


def _sibling(tree: Tree, proposal: Proposal) -> str:
    """Plans of what was made of the same parent before, buggy ones too."""
    if not proposal.parents:
        return _told(_theirs(tree.drafts), scores=False)
    made = (tree[id] for id in tree.children(proposal.parents[0]))
    return _told(_theirs(made), scores=False)


def _ancestral(tree: Tree, proposal: Proposal) -> str:
    """The failing chain that ends in the parent, oldest first, without the parent itself, whose
    program and output are shown anyway."""
    chain = []
    for id in reversed(tree.path(proposal.parents[0]) if proposal.parents else ()):
        if not tree[id].buggy:
            break
        chain.append(tree[id])
    return _told(_theirs(chain[:0:-1]), output=True)


SCOPES: dict[str, Callable[[Tree, Proposal], str]] = {
    "none": lambda tree, proposal: "",
    "simple": _simple,
    "all": _all,
    "plans": _plans,
    "sibling": _sibling,
    "ancestral": _ancestral,
}


def _theirs(nodes: Iterable[Node]) -> list[Node]:
    """Without faults of ours, from which a model learns nothing; what has a score is none."""
    return [node for node in nodes if node.outcome not in OURS]


def _told(nodes: Sequence[Node], *, scores: bool = True, output: bool = False) -> str:
    """The newest entries that there is room for: at others nothing looks, however many."""
    kept, size = [], 0
    for node in reversed(nodes):
        entry = _entry(node, scores=scores, output=output)
        size += len(entry)
        if size > LONGEST:
            kept.append(f"({len(nodes) - len(kept)} earlier ones are left out)")
            break
        kept.append(entry)
    return "\n".join(reversed(kept))


def _entry(node: Node, *, scores: bool, output: bool) -> str:
    said = node.line if scores or node.buggy else node.planned
    return f"{said}\n  output: {trimmed(node.feedback)}" if output and node.feedback else said
