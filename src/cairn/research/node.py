"""Nodes of a search over artefacts, and the tree that they make: append-only, as values.

The scheme is that of AIDE (WecoAI/aideml) and AIRA (arXiv:2507.02554): a node is one artefact that
an operator made of its parents, with the score that a grader gave it.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

OURS = ("no_answer", "jail_error", "grader_error", "no_score", "not_finite")
"""Outcomes that say nothing about the artefact: no answer of the model, a broken jail or grader."""


@dataclass(frozen=True)
class Node:
    """One artefact of a search and what became of it."""

    id: int
    """The trial's id; grows."""
    parents: tuple[int, ...]
    """None of a draft, one of an improvement or a mended program, two of a crossover."""
    operator: str
    """"draft", "improve", "debug", "crossover" or an operator of one's own."""
    text: str
    """The artefact: a program, a prompt, a config. "" where there is none."""
    plan: str = ""
    """What the model said it would do."""
    utility: float | None = None
    """Larger is better whatever the task's direction: `score`, converted once, by `utility_of`.
    None where there is no score: the node is buggy."""
    score: float | None = None
    """As the grader gives it, in the task's own direction and unit."""
    spread: float | None = None
    """Standard error of the score, if known."""
    count: int = 1
    """Evaluations that are averaged in the score."""
    outcome: str = "ok"
    """"ok", the jail's kind, "no-code", "invalid", one of `OURS` …"""
    feedback: str = ""
    """What operators may see: trimmed output, the error. Never the words of a jail_error."""
    island: int = 0
    """Of an evolution with islands."""
    seconds: float = 0.0
    """How long its evaluation took."""
    parts: tuple[float, ...] = ()
    """Utilities of single examples, if the grader gives them."""
    role: str = ""
    """Which role was asked for it, where a policy chose among several."""
    analysis: str = ""
    """What a model said of it afterwards, where `asking.analyse` has one asked."""

    @property
    def buggy(self) -> bool:
        """Whether it has no score."""
        return self.utility is None

    @property
    def fixable(self) -> bool:
        """Whether debugging has something to begin with: an artefact, and a failure of its own."""
        return self.buggy and bool(self.text) and self.outcome not in OURS

    @cached_property
    def line(self) -> str:
        """Operator, plan, and score or failure, as a memory says them. Every prompt says hundreds
        of them again, so it is made once."""
        came = f"failed: {self.outcome}" if self.buggy else f"score: {self.score:.6g}"
        found = f"\n  found: {self.analysis}" if self.analysis else ""
        return f"{self.planned}\n  {came}{found}"

    @property
    def planned(self) -> str:
        """Operator and plan alone."""
        return f"- {self.operator}: {self.plan.strip() or '(no plan)'}"


_NAMES = tuple(entry.name for entry in fields(Node))


def utility_of(score: float | None, *, larger_is_better: bool) -> float | None:
    """A score as utility, larger is better. None, NaN and infinities have none."""
    # isfinite first: every comparison with NaN is false, so NaN slips through "reject if".
    if score is None or not math.isfinite(score):
        return None
    return float(score) if larger_is_better else -float(score)


def score_of(node: Node) -> str:
    """A score in words, with its standard error if that is known."""
    if node.score is None:
        return "none"
    error = "" if node.spread is None else f" ± {node.spread:.2g}"
    return f"{node.score:.5g}{error}"


@dataclass
class _Store:
    """What views of one growing tree share."""

    nodes: list[Node] = field(default_factory=list)
    place: dict[int, int] = field(default_factory=dict)
    children: dict[int, list[int]] = field(default_factory=dict)
    good: list[Node] = field(default_factory=list)
    """Those with a score, which every prompt asks for."""
    bounds: list[tuple[float, float]] = field(default_factory=list)
    """Smallest and largest utility up to each of them."""


class Tree:
    """Nodes in the order in which they came. A value: `grown` gives a new tree.

    Trees that grew from each other share one store, of which each sees its own first nodes, so that
    growing costs the same however large the tree is.
    """

    def __init__(self, nodes: Iterable[Node] = ()):
        self._store, self._size, self._good = _Store(), 0, 0
        for node in nodes:
            self._add(node)

    def grown(self, node: Node) -> "Tree":
        """This tree and one more node. Raises ValueError for an id that is there already, or a
        parent that is not."""
        tree = Tree.__new__(Tree)
        tree._store, tree._size, tree._good = self._store, self._size, self._good
        if len(self._store.nodes) != self._size:  # another tree grew from this one: part with it
            tree = Tree(self)
        tree._add(node)
        return tree

    def _add(self, node: Node) -> None:
        if node.id in self._store.place:
            raise ValueError(f"node {node.id} is in the tree already")
        for parent in node.parents:
            if parent not in self._store.place:
                raise ValueError(f"node {node.id} has the parent {parent}, which is not there")
        self._store.place[node.id] = self._size
        self._store.nodes.append(node)
        for parent in dict.fromkeys(node.parents):
            self._store.children.setdefault(parent, []).append(node.id)
        if node.utility is not None:
            low, high = (self._store.bounds or [(node.utility, node.utility)])[-1]
            self._store.good.append(node)
            self._good += 1
            self._store.bounds.append((min(low, node.utility), max(high, node.utility)))
        self._size += 1

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Node]:
        return iter(self._store.nodes[: self._size])

    def __contains__(self, id: object) -> bool:
        return self._store.place.get(id, self._size) < self._size  # type: ignore[arg-type]

    def __getitem__(self, id: int) -> Node:
        if id not in self:
            raise KeyError(f"no node {id} in this tree")
        return self._store.nodes[self._store.place[id]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    # --- kinship

    def children(self, id: int) -> tuple[int, ...]:
        """Ids of the nodes that were made of this one, in order."""
        return tuple(child for child in self._store.children.get(id, ()) if child in self)

    @property
    def drafts(self) -> tuple[Node, ...]:
        """Nodes without parents."""
        return tuple(node for node in self if not node.parents)

    @property
    def leaves(self) -> tuple[Node, ...]:
        """Nodes without children."""
        return tuple(node for node in self if not self.children(node.id))

    @property
    def tried(self) -> frozenset[int]:
        """Ids of the nodes of which something was made, a fault of ours left out."""
        return frozenset(id for node in self if node.outcome not in OURS for id in node.parents)

    @property
    def good(self) -> tuple[Node, ...]:
        """Nodes with a score."""
        return tuple(self._store.good[: self._good])

    def debug_depth(self, id: int) -> int:
        """How many buggy nodes are above it in a row: 0 if its parent is none or not buggy. A
        fault of ours was no attempt."""
        depth, node = 0, self[id]
        while node.parents and self[node.parents[0]].buggy:
            node = self[node.parents[0]]
            depth += node.outcome not in OURS
        return depth

    def path(self, id: int) -> tuple[int, ...]:
        """Ids from a draft to this node, along first parents."""
        path, node = [id], self[id]
        while node.parents:
            node = self[node.parents[0]]
            path.append(node.id)
        return tuple(reversed(path))

    def lineage(self, id: int) -> tuple[int, ...]:
        """All ancestors and the node itself, both parents of a crossover among them, in order."""
        found, todo = {id}, [id]
        while todo:
            for parent in self[todo.pop()].parents:
                if parent not in found:
                    found.add(parent)
                    todo.append(parent)
        return tuple(node.id for node in self if node.id in found)

    # --- scores

    def best(self, among: Sequence[Node] | None = None) -> Node | None:
        """The node of the largest utility, the earliest of several; None if all are buggy."""
        best = None
        for node in self if among is None else among:
            if node.utility is not None and (best is None or node.utility > best[0]):
                best = node.utility, node
        return None if best is None else best[1]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Smallest and largest utility; None if all are buggy."""
        return self._store.bounds[self._good - 1] if self._good else None

    def scaled(self, node: Node) -> float:
        """Utility between the tree's worst (0) and best (1), as AIRA normalises: 0 for a buggy
        node, 0.5 if all utilities are equal. No affine change of the metric moves it."""
        bounds = self.bounds
        if node.utility is None or bounds is None:
            return 0.0
        low, high = bounds
        return (node.utility - low) / (high - low) if high > low else 0.5

    # --- files

    def dump(self) -> list[dict[str, Any]]:
        """The nodes as JSON values."""
        return [
            {name: getattr(node, name) for name in _NAMES}
            | {"parents": list(node.parents), "parts": list(node.parts)}
            for node in self
        ]

    @staticmethod
    def load(rows: Iterable[dict[str, Any]]) -> "Tree":
        """The tree that was dumped."""
        kept = ({name: row[name] for name in _NAMES if name in row} for row in rows)
        return Tree(
            Node(**{**row, **{name: tuple(row.get(name, ())) for name in ("parents", "parts")}})
            for row in kept
        )

    def to_json(self) -> str:
        """The nodes as one line of JSON: equal trees, equal text."""
        return json.dumps(self.dump(), sort_keys=True, allow_nan=False, separators=(",", ":"))
