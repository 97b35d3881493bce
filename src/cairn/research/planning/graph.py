"""A partially observable graph to be walked through, with plans that err and cost.

Nodes lie in the unit square; near ones are joined, and all are connected. The walker knows where
the goal lies, and those nodes that are within `sight` steps of where it has been. A plan is a
distance of every known node to a target: the goal if it is known, else the known node through
which the way looks shortest (steps so far, and the straight line from there). It is kept as it was
made until the next one: it grows old as more becomes known, and its errors stay the same. An error
multiplies the length of each edge by exp(noise · z), drawn anew for each plan, so that who plans
at each step follows a new error at each step.

Source: the task POGS of Paglieri et al. 2025, Learning When to Plan; no code of it is public, and
this is a graph of our own with the same parts (partial sight, cost of a plan, noise of replanning).
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.errors import ConfigError
from cairn.core.keys import stream

FAR = 1e3
"""Longer than any way."""


class World(eqx.Module):
    """The rules."""

    nodes: int = eqx.field(default=28, static=True)
    degree: int = eqx.field(default=2, static=True)
    """Nearest nodes that each node is joined with, beside a tree that joins all."""
    sight: int = eqx.field(default=2, static=True)
    """Steps from where the walker has been that it knows of."""
    limit: int = eqx.field(default=40, static=True)
    """Steps of an episode."""
    noise: float | Float[Array, ""] = 0.5
    """Of a plan's edges: standard deviation of the logarithm of their lengths."""
    cost: float | Float[Array, ""] = 0.005
    """Of each token of a plan: one to begin it and one for each step of it."""

    def __check_init__(self):
        if self.nodes < 4 or min(self.degree, self.sight, self.limit) < 1:
            raise ConfigError(
                "a World expects nodes of at least 4, and degree, sight and limit of at least 1; "
                f"got {self.nodes}, {self.degree}, {self.sight}, {self.limit}."
            )


class Graph(NamedTuple):
    """One graph."""

    places: Float[Array, "N 2"]
    joined: Bool[Array, "N N"]
    lengths: Float[Array, "N N"]
    goal: Int[Array, ""]


class Plan(NamedTuple):
    """What is followed."""

    there: Bool[Array, ""]
    """Whether there is one."""
    distance: Float[Array, " N"]
    """Of each node to the target as it was believed; FAR of those that were not known."""
    age: Int[Array, ""]
    """Steps since it was made."""
    news: Int[Array, ""]
    """Nodes that became known since."""


class Walk(NamedTuple):
    """Where the walker stands and what it knows."""

    graph: Graph
    at: Int[Array, ""]
    known: Bool[Array, " N"]
    visits: Int[Array, " N"]
    plan: Plan
    step: Int[Array, ""]
    done: Bool[Array, ""]


def draw(world: World, key: Key[Array, ""]) -> Walk:
    """A graph, and a walker far from its goal: they are the two of eight pairs farthest apart."""
    N = world.nodes
    places = jax.random.uniform(stream(key, "places"), (N, 2))
    lengths = jnp.sqrt(((places[:, None] - places[None]) ** 2).sum(-1))
    apart = jnp.where(jnp.eye(N, dtype=bool), FAR, lengths)
    rank = jnp.argsort(jnp.argsort(apart, axis=1), axis=1)
    near = rank < world.degree
    # A tree: each node from the second on is joined with the nearest of those before it.
    before = jnp.tril(jnp.ones((N, N), bool), -1)
    parent = jnp.argmin(jnp.where(before, apart, FAR), axis=1)
    tree = (parent[:, None] == jnp.arange(N)[None]) & (jnp.arange(N) > 0)[:, None]
    joined = near | near.T | tree | tree.T
    pairs = jax.random.randint(stream(key, "ends"), (8, 2), 0, N)
    start, goal = pairs[jnp.argmax(lengths[pairs[:, 0], pairs[:, 1]])]
    graph = Graph(places, joined, lengths, goal)
    none = Plan(jnp.array(False), jnp.full(N, FAR), jnp.array(0), jnp.array(0))
    nothing = jnp.zeros(N, bool)
    walk = Walk(graph, start, nothing, jnp.zeros(N, int), none, jnp.array(0), jnp.array(False))
    return _arrived(world, walk, start)


def _arrived(world: World, walk: Walk, at: Int[Array, ""]) -> Walk:
    """The walker at a node: it sees what is near."""
    seen = jnp.arange(world.nodes) == at
    for _ in range(world.sight):
        seen = seen | (walk.graph.joined & seen[None]).any(1)
    news = (seen & ~walk.known).sum()
    plan = walk.plan._replace(news=walk.plan.news + news)
    return walk._replace(
        at=at,
        known=walk.known | seen,
        visits=walk.visits.at[at].add(1),
        plan=plan,
        done=walk.done | (at == walk.graph.goal),
    )


def planned(world: World, walk: Walk, key: Key[Array, ""]) -> tuple[Plan, Int[Array, ""]]:
    """A new plan on what is known, and its tokens: one, and one for each step of it."""
    graph, N = walk.graph, world.nodes
    drawn = jax.random.normal(key, (N, N))
    # One error an edge, whichever way it is walked.
    error = jnp.exp(world.noise * (jnp.triu(drawn, 1) + jnp.triu(drawn, 1).T))
    both = walk.known[:, None] & walk.known[None] & graph.joined
    edges = jnp.where(both, graph.lengths * error, FAR)
    from_here = distances(edges, jnp.arange(N) == walk.at)
    beyond = graph.lengths[graph.goal]
    # Nodes whose neighbours are all known lead nowhere new.
    open_ = walk.known & (graph.joined & ~walk.known[None]).any(1)
    goal_known = walk.known[graph.goal]
    wanted = jnp.where(goal_known, jnp.arange(N) == graph.goal, open_)
    target = jnp.argmin(jnp.where(wanted, from_here + beyond, 2 * FAR))
    distance = distances(edges, jnp.arange(N) == target)
    plan = Plan(jnp.array(True), distance, jnp.array(0), jnp.array(0))
    return plan, 1 + _steps(edges, distance, walk.at)


HOPS = 12
"""Steps of the longest plan."""


def distances(edges: Float[Array, "N N"], target: Bool[Array, " N"]) -> Float[Array, " N"]:
    """Lengths of the shortest ways to a node, by Bellman and Ford."""

    def relax(_: Array, distance: Array) -> Array:
        return jnp.minimum(distance, (edges + distance[None]).min(1))

    return jax.lax.fori_loop(0, HOPS, relax, jnp.where(target, 0.0, FAR))


def _steps(
    edges: Float[Array, "N N"], distance: Float[Array, " N"], at: Int[Array, ""]
) -> Int[Array, ""]:
    """Steps of the shortest way from a node."""

    def step(_: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        at, steps = found
        goes = distance[at] > 0
        after = jnp.argmin(edges[at] + distance)
        return jnp.where(goes, after, at), jnp.where(goes, steps + 1, steps)

    return jax.lax.fori_loop(0, HOPS, step, (at, jnp.array(0)))[1]


def next_of(walk: Walk) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """The neighbour that the plan leads to, and whether it leads anywhere from here."""
    graph, plan = walk.graph, walk.plan
    through = jnp.where(graph.joined[walk.at], graph.lengths[walk.at] + plan.distance, 2 * FAR)
    leads = plan.there & (plan.distance[walk.at] < FAR / 2) & (plan.distance[walk.at] > 0)
    closer = jnp.where(graph.joined[walk.at], plan.distance, 2 * FAR)
    return jnp.argmin(jnp.where(closer < plan.distance[walk.at], through, 3 * FAR)), leads


def walked(world: World, walk: Walk, to: Int[Array, ""]) -> tuple[Walk, Float[Array, ""]]:
    """One step to a neighbour, and its reward: 1 at the goal, and -1 / limit for each step.

    An episode that is done stands still without reward.
    """
    moved = _arrived(world, walk, to)
    plan = moved.plan._replace(age=moved.plan.age + 1)
    moved = moved._replace(plan=plan, step=walk.step + 1)
    reward = jnp.where(moved.done, 1.0, 0.0) - 1.0 / world.limit
    over = walk.done
    kept = jax.tree.map(lambda old, new: jnp.where(over, old, new), walk, moved)
    return kept, jnp.where(over, 0.0, reward)
