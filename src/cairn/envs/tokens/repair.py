"""Repair of a colouring: nodes that an edge joins shall differ, and an answer changes a few only.

One answer seldom is enough, so that an attempt is mended step by step: the task for methods that
learn to improve what they have, as exploratory iteration does (Jiang et al. 2025,
arXiv:2509.04575). Graphs are made around a colouring, so that there is one. The harder split has
larger graphs.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.core.vocabulary import BOS, EOS, SEP
from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import BASE, Prompt, Revising, Verdict

MORE = 2
"""Nodes that graphs of the harder split have more."""
MODES = ("base", "improve", "diverge")
"""Symbols of the instructions."""


class Colouring(NamedTuple):
    """A graph and an attempt. Arrays are as large as the largest graph needs."""

    edges: Int[Array, "edges 2"]
    """Nodes from 0, the smaller first."""
    kept: Bool[Array, " edges"]
    """Which of them there are."""
    there: Bool[Array, " nodes"]
    """Which nodes there are."""
    colours: Int[Array, " nodes"]
    """Of each node in the attempt that was reached, from 0."""
    first: Int[Array, " nodes"]
    """In the attempt that it began with."""
    mode: Int[Array, ""]
    """BASE, IMPROVE or DIVERGE."""


class Repair(Revising):
    """Mend a colouring of a graph, a few nodes an answer; graded by edges whose ends differ."""

    nodes: int = eqx.field(static=True, default=10)
    """Of a graph."""
    edges: int = eqx.field(static=True, default=18)
    """Of a graph; in the harder split as many more as there are nodes more."""
    colours: int = eqx.field(static=True, default=3)
    """There are."""
    edits: int = eqx.field(static=True, default=2)
    """Nodes that an answer may change, at most."""
    binary: bool = eqx.field(static=True, default=False)
    """Whether only a colouring without a mistake is worth anything: quality is then 0 or 1."""

    def __check_init__(self) -> None:
        """Refuse graphs that cannot have so many edges."""
        checks.between(self, 2, 6, "colours")
        checks.between(self, self.colours, 24, "nodes")
        checks.at_least(self, 1, "edits")
        large, small = divmod(self.nodes, self.colours)
        alike = small * (large + 1) * large // 2 + (self.colours - small) * large * (large - 1) // 2
        most = self.nodes * (self.nodes - 1) // 2 - alike
        if not 1 <= self.edges <= most:
            raise ConfigError(
                f"edges must lie in [1, {most}] for {self.nodes} nodes in {self.colours} colours, "
                f"got {self.edges}."
            )

    @property
    def graded(self) -> bool:
        """By edges."""
        return not self.binary

    @property
    def many(self) -> bool:
        """Graphs have several colourings."""
        return True

    @property
    def own_symbols(self) -> tuple[str, ...]:
        """Names of nodes, colours, instructions."""
        nodes = tuple(chr(ord("A") + node) for node in range(self.most))
        return (*nodes, *map(str, range(1, self.colours + 1)), *MODES)

    @property
    def most(self) -> int:
        """Nodes of the largest graph of any split."""
        return self.nodes + MORE

    @property
    def room(self) -> int:
        """Edges of the largest graph of any split."""
        return self.edges * self.most // self.nodes

    @property
    def prompt_length(self) -> int:
        """BOS, the instruction, two nodes an edge, SEP, each node and its colour, SEP."""
        return 2 * self.room + 2 * self.most + 4

    @property
    def answer_length(self) -> int:
        """A node and a colour for each change, EOS."""
        return 2 * self.edits + 1

    def draw(self, key: Key[Array, ""], shifted: bool) -> Colouring:
        """A hidden colouring in classes of equal size, edges that it allows, any attempt."""
        nodes, edges = (self.most, self.room) if shifted else (self.nodes, self.edges)
        hidden_key, edge_key, attempt_key = jax.random.split(key, 3)
        # Nodes in a random order have the colours in turn: those behind the last one are not there.
        place = jax.random.permutation(hidden_key, self.most).astype(jnp.int32)
        there, hidden = place < nodes, place % self.colours
        pairs = jnp.asarray(np.stack(np.triu_indices(self.most, 1), axis=1), jnp.int32)
        allowed = there[pairs].all(1) & (hidden[pairs[:, 0]] != hidden[pairs[:, 1]])
        luck = jax.random.uniform(edge_key, (pairs.shape[0],)) + allowed.astype(jnp.float32)
        kept = jnp.arange(self.room) < edges
        rows = jnp.where(kept[:, None], pairs[jnp.argsort(-luck)[: self.room]], 0)
        attempt = jax.random.randint(attempt_key, (self.most,), 0, self.colours, jnp.int32)
        attempt = jnp.where(there, attempt, 0)
        return Colouring(rows, kept, there, attempt, attempt, jnp.int32(BASE))

    def acceptable(self, problem: Colouring) -> Bool[Array, ""]:
        """There is something to mend."""
        return self.standing(problem) < 1

    def identity(self, problem: Colouring) -> UInt32[Array, ""]:
        """The graph, whatever the attempt and the order of the edges."""
        return layout.unordered(jax.vmap(layout.digest)(problem.edges), problem.kept)

    def prompt(self, problem: Colouring) -> Prompt:
        """BOS, instruction, edges, SEP, nodes with their colours, SEP."""
        begin, end = jnp.full(1, BOS, jnp.int32), jnp.full(1, SEP, jnp.int32)
        place = jnp.arange(self.most, dtype=jnp.int32)
        named = jnp.stack([place + self.code("A"), problem.colours + self.code("1")], axis=1)
        mode = problem.mode[None] + self.code(MODES[0])
        edges = problem.edges.ravel() + self.code("A")
        ids = jnp.concatenate([begin, mode, edges, end, named.ravel(), end])
        there, always = jnp.repeat(problem.there, 2), jnp.ones(1, bool)
        joined = jnp.repeat(problem.kept, 2)
        kept = jnp.concatenate([always, always, joined, always, there, always])
        return Prompt(*layout.right_aligned(ids, kept))

    def satisfied(self, problem: Colouring, colours: Int[Array, " nodes"]) -> Float[Array, ""]:
        """Share of the edges whose ends differ."""
        ends = colours[problem.edges]
        differ = (ends[:, 0] != ends[:, 1]) & problem.kept
        return differ.sum().astype(jnp.float32) / problem.kept.sum().astype(jnp.float32)

    def standing(self, problem: Colouring) -> Float[Array, ""]:
        """Of the attempt that was reached."""
        return self.worth(self.satisfied(problem, problem.colours))

    def worth(self, share: Float[Array, ""]) -> Float[Array, ""]:
        """What an attempt counts for, of which such a share of edges is well."""
        return (share == 1).astype(jnp.float32) if self.binary else share

    def start(self, problem: Colouring) -> Colouring:
        """With the first attempt."""
        return problem._replace(colours=problem.first, mode=jnp.int32(BASE))

    def asked(self, problem: Colouring, mode: Int[Array, ""] | int) -> Colouring:
        """With another instruction."""
        return problem._replace(mode=jnp.asarray(mode, jnp.int32))

    def after(
        self, problem: Colouring, tokens: Int[Array, " T"], length: Int[Array, ""]
    ) -> Colouring:
        """With the changes made, if the answer is a list of changes with an end."""
        reached, shaped, _ = self.changed(problem, tokens, length)
        return problem._replace(colours=jnp.where(shaped, reached[-1], problem.colours))

    def changed(
        self, problem: Colouring, tokens: Int[Array, " T"], length: Int[Array, ""]
    ) -> tuple[Int[Array, "changes nodes"], Bool[Array, ""], Bool[Array, " T"]]:
        """Attempts after each change, whether the answer is in form, and which tokens are."""
        number = tokens.shape[0]
        place = jnp.arange(number)
        node, colour = tokens - self.code("A"), tokens - self.code("1")
        even = place % 2 == 0
        names = (node >= 0) & (node < self.most) & problem.there[jnp.clip(node, 0, self.most - 1)]
        paints = (colour >= 0) & (colour < self.colours)
        good = jnp.where(even, names | (tokens == EOS), paints) & (place <= 2 * self.edits)
        good = good & ((place < 2 * self.edits) | (tokens == EOS))
        inside = place < length
        shaped = (good | ~inside).all() & layout.ended(tokens, length)
        now, reached = problem.colours, []
        for change in range(self.edits):
            if 2 * change + 1 < number:
                makes = (2 * change + 1 < length) & names[2 * change] & paints[2 * change + 1]
                here = (jnp.arange(self.most) == node[2 * change]) & makes
                now = jnp.where(here, colour[2 * change + 1], now)
            reached.append(now)
        return jnp.stack(reached), shaped, good

    def demonstration(self, problem: Colouring, key: Key[Array, ""]) -> Int[Array, " T"]:
        """Each change the best there is, of equals any; no more where all is well or each harms."""
        start, end = problem.edges.T
        room = jnp.where(problem.kept, start, self.most)
        joined = jnp.zeros((self.most, self.most), jnp.float32).at[room, end].set(1, mode="drop")
        joined = joined + joined.T
        colours, ids = problem.colours, []
        for change in range(self.edits):
            painted = jax.nn.one_hot(colours, self.colours)
            clashes = joined @ painted
            gain = (clashes * painted).sum(1, keepdims=True) - clashes
            luck = jax.random.uniform(jax.random.fold_in(key, change), gain.shape)
            may = problem.there[:, None] & (painted == 0)
            worth = jnp.where(may, gain + luck / 2, -1)
            best = jnp.argmax(worth).astype(jnp.int32)
            node, colour = best // self.colours, best % self.colours
            needed = (self.satisfied(problem, colours) < 1) & (worth.max() >= 0)
            colours = jnp.where((jnp.arange(self.most) == node) & needed, colour, colours)
            pair = jnp.stack([node + self.code("A"), colour + self.code("1")])
            ids.append(jnp.where(needed, pair, 0))
        row = jnp.concatenate([*ids, jnp.zeros(1, jnp.int32)])
        return row.at[(row > 0).sum()].set(EOS)

    def verify(
        self, problem: Colouring, tokens: Int[Array, " T"], length: Int[Array, ""]
    ) -> Verdict:
        """Quality: share of the edges whose ends differ in what comes out; 0 for an answer that is
        no list of changes. `right`: no change makes it worse. A step is a change."""
        reached, shaped, good = self.changed(problem, tokens, length)
        place = jnp.arange(tokens.shape[0], dtype=jnp.int32)
        shares = jax.vmap(self.satisfied, (None, 0))(problem, reached)
        before = self.satisfied(problem, problem.colours)
        before = jnp.concatenate([before[None], shares[:-1]])
        worse = (shares < before)[jnp.minimum(place // 2, self.edits - 1)] & (place % 2 == 1)
        quality = jnp.where(shaped, self.worth(shares[-1]), 0)
        return Verdict(
            quality=quality,
            correct=quality == 1,
            canonical=layout.digest(self.renamed(jnp.where(problem.there, reached[-1], -1))),
            step=place // 2,
            right=layout.until((worse | ~good) & (place < length)),
        )

    def renamed(self, colours: Int[Array, " nodes"]) -> Int[Array, " nodes"]:
        """Colours in the order in which they come: what they are called does not matter."""
        alike = colours[:, None] == colours[None]
        first = jnp.argmax(alike, axis=1)
        new = first == jnp.arange(self.most)
        return (jnp.cumsum(new, dtype=jnp.int32) - 1)[first]
