"""The partially observable graph in words: known nodes as a tree around the walker.

A prompt lists the known nodes, the most promising first: the goal if it is known, then nodes with
unknown neighbours by the length of the way there and from there straight to the goal, then the
others by nearness. Each comes with the next node on its way back to the walker: `d? b` says that
d, which has unknown neighbours, is reached through b. Marks: `*` the goal, `?` unknown neighbours,
`!` visited, `<` none of these. After them the walker's node and what remains of the plan.

A plan is the way backwards, from its target to a neighbour of the walker: `f d b`. So each of its
words is one look into the list, while the first step of the way, which is what an action needs,
takes as many looks as the way is long (Bachmann & Nagarajan 2024, arXiv:2403.06963, of why an
answer in this order is learned and its first step alone is not). What has been walked of a plan is
struck out, so its last word is the next step; a walker that left the way has no plan.

The rules are `graph.World`'s without its noise: errors of a plan are the model's own.
"""

import string

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.errors import ConfigError
from cairn.nn.language.tokens import Symbols
from cairn.research.planning.graph import FAR, Walk, World, distances, draw, walked
from cairn.research.planning.texts import ASK, COMMON, NONE

MARKS = "*?!<"
NODES = len(COMMON)
"""Id of the first node's name."""


class GraphText(eqx.Module):
    """The graph as a `TextWorld`; an action is a neighbour's name."""

    nodes: int = eqx.field(default=14, static=True)
    """At most 26, a letter each."""
    turns: int = eqx.field(default=20, static=True)
    longest: int = eqx.field(default=6, static=True)
    """A plan to what is farther leads to a node on the way there."""

    def __check_init__(self):
        if not 4 <= self.nodes <= 26 or min(self.turns, self.longest - 1) < 1:
            raise ConfigError(
                "a GraphText expects 4 to 26 nodes, turns of at least 1 and longest of at least 2; "
                f"got {self.nodes}, {self.turns} and {self.longest}."
            )

    @property
    def words(self) -> Symbols:
        """Names of nodes, then names with a mark, mark by mark."""
        names = string.ascii_lowercase[: self.nodes]
        return Symbols((*COMMON, *names, *(f"{name}{mark}" for mark in MARKS for name in names)))

    @property
    def length(self) -> int:
        """Two words for each other node, the walker's node, the colon, a plan."""
        return 2 * (self.nodes - 1) + 1 + self.longest + 1

    @property
    def plannable(self) -> Bool[Array, " V"]:
        """Names of nodes."""
        at = np.arange(self.words.size)
        return jnp.asarray((at >= NODES) & (at < NODES + self.nodes))

    @property
    def _world(self) -> World:
        return World(nodes=self.nodes, limit=self.turns, noise=0.0, cost=0.0)

    def begin(self, key: Key[Array, ""]) -> Walk:
        """A walker far from its goal."""
        return draw(self._world, key)

    def _order(self, walk: Walk) -> tuple[Int[Array, " N"], Int[Array, " N"], Float[Array, " N"]]:
        """Nodes in the list's order, each one's next towards the walker, and their ranks.

        A rank of FAR or more is of a node that is not listed.
        """
        graph = walk.graph
        both = walk.known[:, None] & walk.known[None] & graph.joined
        edges = jnp.where(both, graph.lengths, FAR)
        near = distances(edges, jnp.arange(self.nodes) == walk.at)
        after = jnp.argmin(edges + near[None], axis=1)
        promise = near + graph.lengths[graph.goal]
        is_open = (graph.joined & ~walk.known[None]).any(1)
        rank = jnp.where(is_open, promise, FAR / 4 + near)
        rank = rank.at[graph.goal].set(-1.0)
        listed = walk.known & (near < FAR / 8) & (jnp.arange(self.nodes) != walk.at)
        rank = jnp.where(listed, rank, FAR)
        return jnp.argsort(rank), after, rank

    def text(self, state: Walk, plan: Int[Array, " M"]) -> Int[Array, " L"]:
        """The list, the walker's node, a colon, the plan."""
        order, after, rank = self._order(state)
        is_open = (state.graph.joined & ~state.known[None]).any(1)
        mark = jnp.where(is_open, 1, jnp.where(state.visits > 0, 2, 3)).at[state.graph.goal].set(0)
        marked = NODES + self.nodes * (1 + mark) + jnp.arange(self.nodes)
        pairs = jnp.stack([marked[order], NODES + after[order]], axis=1)
        pairs = jnp.where((rank[order] < FAR)[:, None], pairs, NONE)[: self.nodes - 1]
        ends = [jnp.array([NODES]) + state.at, jnp.array([ASK]), self.remaining(state, plan)]
        return jnp.concatenate([pairs.ravel(), *ends]).astype(jnp.int32)

    def legal(self, state: Walk) -> Bool[Array, " V"]:
        """Neighbours."""
        near = state.graph.joined[state.at]
        return jnp.zeros(self.words.size, bool).at[NODES : NODES + self.nodes].set(near)

    def act(
        self, state: Walk, word: Int[Array, ""], key: Key[Array, ""]
    ) -> tuple[Walk, Float[Array, ""], Bool[Array, ""]]:
        """Go there: 1 at the goal, 1 / turns off each step."""
        after, reward = walked(self._world, state, word - NODES)
        return after, reward, after.done | (after.step >= self.turns)

    def plan(self, state: Walk, key: Key[Array, ""]) -> Int[Array, " M"]:
        """The way back from the first node of the list, or its part near the walker."""
        order, after, rank = self._order(state)
        found = jnp.any(rank < FAR)
        return self.way(state, jnp.where(found, order[0], state.at), after)

    def way(
        self, state: Walk, target: Int[Array, ""], after: Int[Array, " N"] | None = None
    ) -> Int[Array, " M"]:
        """A plan to a known node: the last M nodes of the way back from there."""
        after = self._order(state)[1] if after is None else after

        def back(node: Array, _: None) -> tuple[Array, Array]:
            return jnp.where(node == state.at, node, after[node]), node

        _, nodes = jax.lax.scan(back, target, None, length=self.nodes)
        steps = jnp.argmax(nodes == state.at)
        at = jnp.maximum(steps - self.longest, 0) + jnp.arange(self.longest)
        return jnp.where(at < steps, NODES + nodes[at], NONE).astype(jnp.int32)

    def remaining(self, state: Walk, plan: Int[Array, " M"]) -> Int[Array, " M"]:
        """What is still to be walked of a plan, at the right end; nothing if it leads on nowhere.

        Up to the walker's node, or all of it where it has not been begun.
        """
        here = plan == NODES + state.at
        count = jnp.where(here.any(), jnp.argmax(here), (plan != NONE).sum())
        last = plan[jnp.maximum(count - 1, 0)] - NODES
        near = state.graph.joined[state.at]
        leads = (count > 0) & (last >= 0) & (last < self.nodes)
        leads = leads & near[jnp.clip(last, 0, self.nodes - 1)]
        at = jnp.arange(self.longest) - self.longest + count
        return jnp.where(leads & (at >= 0), plan[jnp.maximum(at, 0)], NONE)

    def detour(self, state: Walk, key: Key[Array, ""]) -> Int[Array, " M"]:
        """The way to some known node."""
        order, after, rank = self._order(state)
        listed = jnp.where(rank[order] < FAR, 0.0, -1e9)
        return self.way(state, order[jax.random.categorical(key, listed)], after)

    def advise(self, state: Walk, plan: Int[Array, " M"], key: Key[Array, ""]) -> Int[Array, ""]:
        """The plan's next node; without one the goal, or where it has been least."""
        planned = self.remaining(state, plan)[-1]
        near = state.graph.joined[state.at]
        least = state.visits.astype(jnp.float32) + jax.random.uniform(key, near.shape)
        least = least.at[state.graph.goal].set(-1.0)
        other = NODES + jnp.argmin(jnp.where(near, least, FAR))
        return jnp.where(planned != NONE, planned, other).astype(jnp.int32)
