"""The policies of `cairn.research.policies` in arrays, one at a time and nothing pending.

They decide as those do: a test replays searches and asks both. What is not here (islands, virtual
loss, cues) does not matter with one worker on a landscape.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.research.gym.arrays import (
    CROSSOVER,
    DEBUG,
    DRAFT,
    IMPROVE,
    Move,
    Nodes,
    children,
    good,
    scaled,
    there,
)
from cairn.research.gym.variants import first, variants

State = Any


@dataclass(frozen=True)
class ArrayPolicy:
    """`propose(state, nodes, key)`, and what it remembers beside the tree."""

    def init(self, count: int) -> State:
        """Before the first of so many evaluations."""
        return ()

    def propose(self, state: State, nodes: Nodes, key: Key[Array, ""]) -> Move:
        """What is tried next."""
        raise NotImplementedError

    def observe(self, state: State, nodes: Nodes, at: Int[Array, ""]) -> State:
        """After node `at` has come."""
        return state


def _move(operator: Any, parent: Any = 0, second: Any = 0) -> Move:
    return Move(*(jnp.asarray(value, jnp.int32) for value in (operator, parent, second)))


def _either(condition: Array, one: Move, other: Move) -> Move:
    return jax.tree.map(lambda yes, no: jnp.where(condition, yes, no), one, other)


@dataclass(frozen=True)
class BestOf(ArrayPolicy):
    """`policies.chains.BestOf`."""

    def propose(self, state: State, nodes: Nodes, key: Key[Array, ""]) -> Move:
        """A draft."""
        return _move(DRAFT)


@dataclass(frozen=True)
class Restarts(ArrayPolicy):
    """`policies.chains.Restarts`; without an end of chains `Linear`."""

    steps: int | None = 10
    max_debug_depth: int = 3

    def propose(self, state: State, nodes: Nodes, key: Key[Array, ""]) -> Move:
        """The next step of the newest chain, or a draft."""
        last = nodes.size - 1
        chain = there(nodes) & (nodes.draft == nodes.draft[last])
        mend = nodes.buggy[last] & (nodes.depth[last] < self.max_debug_depth)
        works = good(nodes) & chain
        newest = jnp.max(jnp.arange(chain.size), where=works, initial=0)
        end = jnp.asarray(self.steps is not None and chain.sum() >= self.steps)
        if self.steps is not None:
            end = chain.sum() >= self.steps
        step = _either(mend, _move(DEBUG, last), _move(IMPROVE, newest))
        fresh = (nodes.size == 0) | end | (~mend & ~works.any())
        return _either(fresh, _move(DRAFT), step)


@dataclass(frozen=True)
class Greedy(ArrayPolicy):
    """`policies.greedy.Greedy` and `Aide`."""

    drafts: int = 5
    p_debug: float = 1.0
    max_debug_depth: int = 20

    def propose(self, state: State, nodes: Nodes, key: Key[Array, ""]) -> Move:
        """Draft, debug a uniform buggy leaf, or improve the best."""
        begun = (there(nodes) & (nodes.operator == DRAFT)).sum()
        leaves = there(nodes) & (children(nodes) == 0) & nodes.buggy
        leaves &= nodes.depth <= self.max_debug_depth
        coin, choice = jax.random.uniform(key, (2,))
        rank = jnp.where(leaves, jnp.cumsum(leaves), 0)
        chosen = jnp.argmax(
            rank == 1 + jnp.floor(choice * leaves.sum().astype(jnp.float32)).astype(jnp.int32)
        )
        works = good(nodes)
        best = jnp.argmax(jnp.where(works, nodes.seen, -jnp.inf))
        step = _either(works.any(), _move(IMPROVE, best), _move(DRAFT))
        step = _either((coin < self.p_debug) & leaves.any(), _move(DEBUG, chosen), step)
        return _either(begun < self.drafts, _move(DRAFT), step)


class _Place(NamedTuple):
    """Where a descent stands: a node and its variant's head; −1 the root."""

    node: Int[Array, ""]
    head: Int[Array, ""]


@dataclass(frozen=True)
class Mcts(ArrayPolicy):
    """`policies.mcts.Mcts`."""

    exploration: float = 0.25
    children: int = 5
    widening: float = 0.5
    max_debug_depth: int = 20

    def propose(self, state: State, nodes: Nodes, key: Key[Array, ""]) -> Move:
        """Mend what is open, finish what is being expanded, else descend by UCT."""
        found = variants(nodes, self.max_debug_depth)
        mend, variant = first(found.open)
        above = nodes.above & found.head[None] & found.head[:, None]
        value = jnp.where(found.good, scaled(nodes)[found.last], 0.0)
        visits = above.sum(0).astype(jnp.float32)
        mean = jnp.dot(value, above.astype(jnp.float32)) / jnp.maximum(visits, 1)
        every = found.head.sum().astype(jnp.float32)

        def born(node: Array) -> Array:
            return (found.head & (nodes.parent == node)).sum()

        def visited(place: _Place) -> Array:
            return jnp.where(place.head < 0, every, visits[place.head])

        def options(place: _Place) -> Bool[Array, " N"]:
            return found.good & (nodes.parent == place.node)

        def deeper(place: _Place) -> Bool[Array, ""]:
            # The 1e-4 is what a square root in floats may lie above a whole number.
            wide = jnp.ceil(visited(place) ** self.widening - 1e-4) if self.widening else 1.0
            full = born(place.node).astype(jnp.float32) >= jnp.maximum(self.children, wide)
            return full & options(place).any()

        def step(place: _Place) -> _Place:
            uct = mean + self.exploration * jnp.sqrt(
                jnp.log(visited(place)) / jnp.maximum(visits, 1)
            )
            best = jnp.argmax(jnp.where(options(place), uct, -jnp.inf))
            return _Place(found.last[best], best)

        root = _Place(jnp.int32(-1), jnp.int32(-1))
        place = jax.lax.while_loop(deeper, step, root).node
        counts = (found.head[:, None] & (nodes.parent[:, None] == found.last[None])).sum(0)
        open_here = found.good & (counts > 0) & (counts < self.children)
        unfinished, head = first(open_here)
        place = jnp.where(unfinished, found.last[head], place)
        place = jnp.where((born(jnp.int32(-1)) > 0) & (born(jnp.int32(-1)) < self.children),
                          -1, place)  # fmt: skip
        expand = _either(place < 0, _move(DRAFT), _move(IMPROVE, place))
        return _either(mend, _move(DEBUG, found.last[variant]), expand)


class Population(NamedTuple):
    """State of an evolution with one island."""

    generation: Int[Array, ""]
    members: Bool[Array, " N"]
    ended: Int[Array, ""]
    """Variants of this generation that ended ..."""
    joining: Bool[Array, " N"]
    """... and those of them that run."""


@dataclass(frozen=True)
class Evolution(ArrayPolicy):
    """`policies.evolution.Evolution` with one island, one temperature and room for all."""

    population: int = 5
    p_crossover: float = 0.5
    heat: float = 1.0
    max_debug_depth: int = 10

    def init(self, count: int) -> Population:
        """Nobody."""
        none = jnp.zeros(count, bool)
        return Population(jnp.int32(0), none, jnp.int32(0), none)

    def propose(self, state: Population, nodes: Nodes, key: Key[Array, ""]) -> Move:
        """Mend what is open; then the next child of this generation."""
        mend, variant = first(variants(nodes, self.max_debug_depth).open)
        last = variants(nodes, self.max_debug_depth).last[variant]
        coin, one, two = jax.random.split(key, 3)
        weight = jnp.where(state.members, scaled(nodes) / self.heat, -jnp.inf)
        parent = jax.random.categorical(one, weight)
        second = jax.random.categorical(two, weight.at[parent].set(-jnp.inf))
        cross = (state.generation >= 2) & (jax.random.uniform(coin) < self.p_crossover)
        cross &= state.members.sum() > 1
        child = _either(cross, _move(CROSSOVER, parent, second), _move(IMPROVE, parent))
        fresh = (state.generation == 0) | ~state.members.any()
        return _either(mend, _move(DEBUG, last), _either(fresh, _move(DRAFT), child))

    def observe(self, state: Population, nodes: Nodes, at: Int[Array, ""]) -> Population:
        """Note a variant that ended; with the last of a generation, let its good ones join."""
        open_still = nodes.buggy[at] & (nodes.depth[at] < self.max_debug_depth)
        ended = state.ended + (~open_still).astype(jnp.int32)
        joining = state.joining.at[at].set(~nodes.buggy[at])
        full = ended >= self.population
        order = jnp.argsort(jnp.where(joining, nodes.head, joining.size))

        def join(rank: Int[Array, ""], members: Bool[Array, " N"]) -> Bool[Array, " N"]:
            one = order[rank]
            mean = jnp.mean(nodes.seen, where=members)
            fits = ~members.any() | (nodes.seen[one] >= mean)
            return members.at[one].set(members[one] | (fits & joining[one]))

        members = jax.lax.fori_loop(0, self.population, join, state.members)
        return Population(
            state.generation + full.astype(jnp.int32),
            jnp.where(full, members, state.members),
            jnp.where(full, 0, ended),
            joining & ~full,
        )


@dataclass(frozen=True)
class AbMctsA(ArrayPolicy):
    """`policies.branching.AbMctsA`."""

    prior_mean: float = 0.0
    prior_kappa: float = 1.0
    prior_nu: float = 1.0
    prior_tau2: float = 0.1
    max_debug_depth: int = 3

    def propose(self, state: State, nodes: Nodes, key: Key[Array, ""]) -> Move:
        """Descend by Thompson draws."""
        exist, value = there(nodes), scaled(nodes)
        own = jnp.stack([jnp.ones_like(value), value, value**2]) * exist.astype(jnp.float32)[None]
        above = nodes.above.astype(jnp.float32)
        below = jnp.dot(own, above)
        mendable = exist & nodes.buggy & (nodes.depth < self.max_debug_depth)
        open_ = good(nodes) | mendable
        leads = jnp.dot(open_.astype(jnp.float32), above) > 0

        def look(place: Array, key: Key[Array, ""]) -> tuple[Array, Array]:
            kids = exist & (nodes.parent == place)
            of = kids.astype(jnp.float32)
            seen = jnp.stack([jnp.dot(own, of), jnp.dot(below - own, of)])
            drawn = self._draw(jnp.concatenate([seen, below.T]), key)
            new = (place < 0) | open_[place]
            usable = kids & leads
            best = jnp.argmax(jnp.where(usable, drawn[2:], -jnp.inf))
            stop = ~usable.any() | (new & (drawn[0] >= drawn[1]))
            return jnp.where(stop, place, best), stop

        def step(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            place, _, turn = carry
            place, stop = look(place, jax.random.fold_in(key, turn))
            return place, stop, turn + 1

        begin = (jnp.int32(-1), jnp.bool_(False), jnp.int32(0))
        place, _, _ = jax.lax.while_loop(lambda carry: ~carry[1], step, begin)
        made = _either(nodes.buggy[place], _move(DEBUG, place), _move(IMPROVE, place))
        return _either(place < 0, _move(DRAFT), made)

    def _draw(self, seen: Float[Array, "K 3"], key: Key[Array, ""]) -> Float[Array, " K"]:
        """A mean from each posterior: marginally Student's t with nu' degrees of freedom."""
        mean, kappa, nu, tau2 = self.posterior(seen)
        return mean + jnp.sqrt(tau2 / kappa) * jax.random.t(key, nu, nu.shape)

    def posterior(self, seen: Float[Array, "K 3"]) -> tuple[Array, Array, Array, Array]:
        """m', kappa', nu' and tau'^2 by count, sum and sum of squares."""
        n, total, squares = seen.T
        m, kappa, nu, tau2 = self.prior_mean, self.prior_kappa, self.prior_nu, self.prior_tau2
        mean = total / jnp.maximum(n, 1)
        spread = jnp.maximum(squares - n * mean**2, 0)
        after = kappa + n
        apart = n * kappa * (m - mean) ** 2 / after
        return (kappa * m + total) / after, after, nu + n, (nu * tau2 + spread + apart) / (nu + n)


POLICIES: dict[str, Callable[[], ArrayPolicy]] = {
    "best-of": BestOf,
    "restarts": Restarts,
    "linear": lambda: Restarts(steps=None),
    "aide": lambda: Greedy(p_debug=0.5, max_debug_depth=3),
    "greedy": Greedy,
    "mcts": Mcts,
    "evolution": Evolution,
    "ab-mcts-a": AbMctsA,
}
"""By the names that `cairn search run --policy` has for them."""
