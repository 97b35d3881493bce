"""What a search policy is: where to go on in a tree, and by which operator."""

import math
from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from cairn.core.errors import ConfigError
from cairn.engine.journal_policy import WAIT, Wait
from cairn.research.node import Node, Tree

__all__ = ["WAIT", "Proposal", "Stateless", "TreePolicy", "Wait", "busy", "check", "cue"]

S = TypeVar("S")


class Proposal(NamedTuple):
    """The next node: made by `operator` of `parents`."""

    operator: str
    """"draft", "improve", "debug", "crossover" or one's own."""
    parents: tuple[int, ...] = ()
    complexity: str = ""
    """"simple", "normal", "complex": a cue to the operator; "" for none."""
    island: int = 0
    role: str = ""
    """Which role is asked; "": the operator's own (`asking.roles`)."""
    beside: tuple[int, ...] = ()
    """Nodes that the operator is shown for ideas, besides the parents."""


@runtime_checkable
class TreePolicy(Protocol[S]):
    """Where a search goes on. Pure and quick: all chance comes from `draws`, nothing is kept in
    `self`, and arguments stay as they are. States are JSON values (lists, no tuples; string keys).

    Every trial becomes a node, in the order of ids: one without a score is buggy and stays in the
    tree. `improve` and `crossover` never have a buggy parent, `debug` always has.
    """

    def init(self) -> S:
        """The state of an empty tree."""
        ...

    def propose(
        self, state: S, tree: Tree, pending: Sequence[Proposal], draws: Random
    ) -> Proposal | Wait:
        """What to try next, or `WAIT` for the next observation.

        `pending` are proposals that are under way, in order: their nodes are not in the tree. With
        nothing pending it must not wait.
        """
        ...

    def observe(self, state: S, tree: Tree, node: Node, draws: Random) -> S:
        """The state after `node` has entered the tree (it is the tree's last)."""
        ...


class Stateless:
    """A policy that reads all it needs from the tree: what is left to write is `propose`."""

    def init(self) -> Any:
        """Nothing."""
        return None

    def observe(self, state: Any, tree: Tree, node: Node, draws: Random) -> Any:
        """Nothing."""
        return None


def busy(pending: Sequence[Proposal], operator: str) -> frozenset[int]:
    """First parents of the pending proposals of an operator."""
    return frozenset(one.parents[0] for one in pending if one.operator == operator and one.parents)


def cue(children: int, *, wanted: bool) -> str:
    """How large a change to ask for after so many from the same place (AIRA): the first two
    simple, two normal, then complex; "" unless `wanted`."""
    if not wanted:
        return ""
    return "simple" if children < 2 else "normal" if children < 4 else "complex"


def check(policy: object, **bounds: tuple[float, float]) -> None:
    """Raise ConfigError for a setting outside its bounds (both included)."""
    for name, (low, high) in bounds.items():
        value = getattr(policy, name)
        if not low <= value <= high:
            wanted = f"at least {low:g}" if math.isinf(high) else f"in [{low:g}, {high:g}]"
            kind = type(policy).__name__
            raise ConfigError(f"{kind}.{name} must be {wanted}, got {value}.")
