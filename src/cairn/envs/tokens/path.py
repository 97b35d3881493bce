"""A path in a directed graph without cycles: edges in any order, and many ways that lead astray.

Nodes have a hidden order, which edges follow for `span` places at most, so that no path is short. A
path from the first node to the last is laid first, then random edges. The harder split has more of
both.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key, UInt32

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.vocabulary import BOS, EOS, PAD, SEP
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Prompt, TokenTask, Verdict

MORE = 2
"""Nodes that graphs of the harder split have more."""


class Graph(NamedTuple):
    """Edges, and what is to be joined."""

    edges: Int[Array, "edges 2"]
    """From, to; nodes from 0."""
    kept: Bool[Array, " edges"]
    """Which of them there are."""
    source: Int[Array, ""]
    target: Int[Array, ""]


class Path(TokenTask):
    """Find a path in a directed graph whose edges the prompt lists; any will do."""

    nodes: int = eqx.field(static=True, default=8)
    """Of a graph."""
    edges: int = eqx.field(static=True, default=12)
    """Of a graph; in the harder split as many more as there are nodes more."""
    span: int = eqx.field(static=True, default=3)
    """Places that an edge goes ahead in the hidden order, at most."""

    def __check_init__(self) -> None:
        """Refuse graphs that cannot hold a path and so many edges."""
        checks.between(self, 3, 24, "nodes")
        checks.at_least(self, 1, "span")
        most = len(_pairs(self.nodes, self.span))
        if not self.nodes - 1 <= self.edges <= most:
            raise ConfigError(
                f"edges must lie in [{self.nodes - 1}, {most}] for {self.nodes} nodes and a span "
                f"of {self.span}, got {self.edges}."
            )

    @property
    def many(self) -> bool:
        """Any path is a solution."""
        return True

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """Names of nodes."""
        return tuple(chr(ord("A") + node) for node in range(self.most))

    @property
    def most(self) -> int:
        """Nodes of the largest graph of any split."""
        return self.nodes + MORE

    @property
    def room(self) -> int:
        """Edges of the largest graph of any split."""
        more = max(self.edges * self.most // self.nodes, self.most - 1)
        return min(more, len(_pairs(self.most, self.span)))

    @property
    def prompt_length(self) -> int:
        """BOS, two nodes an edge, SEP, the two to be joined, SEP."""
        return 2 * self.room + 5

    @property
    def answer_length(self) -> int:
        """Every node and EOS."""
        return self.most + 1

    def draw(self, key: Key[Array, ""], shifted: bool) -> Graph:
        """A path in the hidden order, other edges, and names for the nodes."""
        nodes, edges = (self.most, self.room) if shifted else (self.nodes, self.edges)
        path_key, edge_key, order_key, name_key = jax.random.split(key, 4)
        pairs = _pairs(nodes, self.span)
        ahead = jax.random.randint(path_key, (nodes - 1,), 1, self.span + 1, jnp.int32)
        stops = jnp.minimum(jnp.cumsum(ahead), nodes - 1)
        path = jnp.stack([jnp.concatenate([jnp.zeros(1, jnp.int32), stops[:-1]]), stops], axis=1)
        laid = (jnp.asarray(pairs)[:, None] == path[None]).all(-1).any(1)
        rank = jax.random.uniform(edge_key, (len(pairs),)) + 2 * laid.astype(jnp.float32)
        chosen = jnp.argsort(-rank)[:edges]
        chosen = jnp.asarray(pairs)[jax.random.permutation(order_key, chosen)]
        names = jax.random.permutation(name_key, self.most).astype(jnp.int32)
        rows = jnp.zeros((self.room, 2), jnp.int32).at[:edges].set(names[chosen])
        return Graph(rows, jnp.arange(self.room) < edges, names[0], names[nodes - 1])

    def identity(self, problem: Graph) -> UInt32[Array, ""]:
        """Whatever the order of the edges."""
        edges = layout.unordered(jax.vmap(layout.digest)(problem.edges), problem.kept)
        ends = jnp.stack([problem.source, problem.target]).astype(jnp.uint32)
        return layout.digest(jnp.concatenate([edges[None], ends]))

    def prompt(self, problem: Graph) -> Prompt:
        """BOS, the edges, SEP, source, target, SEP."""
        first = self.code("A")
        begin, end = jnp.full(1, BOS, jnp.int32), jnp.full(1, SEP, jnp.int32)
        ends = jnp.stack([problem.source, problem.target]) + first
        ids = jnp.concatenate([begin, problem.edges.ravel() + first, end, ends, end])
        kept = jnp.ones(self.prompt_length, bool)
        kept = kept.at[1 : 1 + 2 * self.room].set(jnp.repeat(problem.kept, 2))
        return Prompt(*layout.right_aligned(ids, kept))

    def ways(self, problem: Graph) -> tuple[Bool[Array, "most most"], Bool[Array, " most"]]:
        """Which nodes an edge joins, and from which the target can be reached."""
        start, end = problem.edges.T
        start = jnp.where(problem.kept, start, self.most)
        joined = jnp.zeros((self.most, self.most), bool).at[start, end].set(True, mode="drop")
        arrives = jnp.arange(self.most) == problem.target
        back = lambda _, sure: sure | (joined & sure[None]).any(1)  # noqa: E731
        return joined, jax.lax.fori_loop(0, self.most - 1, back, arrives)

    def demonstration(self, problem: Graph, key: Key[Array, ""]) -> Int[Array, " T"]:
        """A path, at each node any edge from which the target can be reached."""
        joined, arrives = self.ways(problem)
        chance = jax.random.uniform(key, (self.most, self.most))

        def go(node: Int[Array, ""], luck: Array) -> tuple[Array, Array]:
            ahead = jnp.argmax(jnp.where(joined[node] & arrives, luck + 1, 0)).astype(jnp.int32)
            there = (node == problem.target) | (node == self.most)
            return jnp.where(there, self.most, ahead), node

        _, nodes = jax.lax.scan(go, problem.source, chance)
        over = nodes == self.most
        ids = jnp.where(over, PAD, nodes + self.code("A"))
        ids = jnp.concatenate([ids, jnp.full(1, PAD, jnp.int32)])
        return ids.at[(~over).sum()].set(EOS)

    def verify(self, problem: Graph, tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
        """Every step follows an edge. `right`: and the target can be reached from there."""
        joined, arrives = self.ways(problem)
        inside = jnp.arange(tokens.shape[0]) < length
        nodes = tokens - self.code("A")
        known = (nodes >= 0) & (nodes < self.most)
        nodes = jnp.clip(nodes, 0, self.most - 1)
        before = jnp.roll(nodes, 1)
        good = known & joined[before, nodes] & arrives[nodes]
        good = good.at[0].set(known[0] & (nodes[0] == problem.source))
        ends = (tokens == EOS) & (before == problem.target)
        good = good | ends.at[0].set(False)
        right = layout.until(~good & inside)
        correct = right.all() & layout.ended(tokens, length)
        return Verdict(
            quality=correct.astype(jnp.float32),
            correct=correct,
            canonical=layout.digest(tokens, inside),
            step=jnp.arange(tokens.shape[0], dtype=jnp.int32),
            right=right,
        )


def _pairs(nodes: int, span: int) -> np.ndarray:
    """All edges that there may be, in the hidden order."""
    pairs = [(i, j) for i in range(nodes) for j in range(i + 1, min(i + span + 1, nodes))]
    return np.array(pairs, np.int32)
