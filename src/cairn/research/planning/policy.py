"""Who decides when to plan, and where to go: fixed frequencies, and a small network.

An episode's step: decide whether to plan (a bit), plan if so and pay for its tokens, then choose a
neighbour, seeing what the plan says. The network makes both choices; a fixed arm plans every k
steps, follows its plan, and without one goes where it has been least, by chance among equals. Only
plans know where the goal lies: without one a mover sees a goal that is next to it, and no further.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.keys import stream
from cairn.research.planning.graph import FAR, Walk, World, draw, next_of, planned, walked

DECIDES, MOVES = 7, 4
"""Features of a decision, and of a neighbour."""


class Choice(NamedTuple):
    """Log-odds of planning and scores of all nodes; a score counts where a node is a neighbour."""

    plan: Float[Array, ""]
    moves: Float[Array, " N"]


class Step(NamedTuple):
    """One step of an episode; with axes in front, an episode (T) or a batch of them (B, T)."""

    decision: Float[Array, "*B D"]
    """What was seen before the decision."""
    moves: Float[Array, "*B N M"]
    """What was seen of each node after it."""
    joined: Bool[Array, "*B N"]
    plan: Bool[Array, "*B"]
    to: Int[Array, "*B"]
    reward: Float[Array, "*B"]
    """With the cost of a plan taken off."""
    tokens: Int[Array, "*B"]
    live: Bool[Array, "*B"]
    """Whether the episode was still going on."""
    done: Bool[Array, "*B"]
    """Whether the goal has been reached after it."""


class Network(eqx.Module):
    """Two small layers for the decision and the value, two for each neighbour."""

    decide: eqx.nn.MLP
    move: eqx.nn.MLP
    value: eqx.nn.MLP

    @staticmethod
    def init(key: Key[Array, ""], width: int = 32) -> "Network":
        """Fresh: a coin for the decision."""

        def layers(name: str, inside: int) -> eqx.nn.MLP:
            return eqx.nn.MLP(inside, "scalar", width, 2, key=stream(key, name))

        return Network(layers("decide", DECIDES), layers("move", MOVES), layers("value", DECIDES))


def decision_features(world: World, walk: Walk) -> Float[Array, " D"]:
    """Whether the plan leads anywhere, its age, what became known since, the time, the goal."""
    _, leads = next_of(walk)
    plan, graph = walk.plan, walk.graph
    return jnp.stack([
        leads.astype(jnp.float32),
        plan.there.astype(jnp.float32),
        jnp.minimum(plan.age / 10, 2.0),
        jnp.minimum(plan.news / 5, 3.0),
        walk.step / world.limit,
        walk.known[graph.goal].astype(jnp.float32),
        graph.lengths[walk.at, graph.goal],
    ])  # fmt: skip


def move_features(walk: Walk) -> Float[Array, "N M"]:
    """Of each node: the plan's next, visited, how often, the goal."""
    to, leads = next_of(walk)
    nodes = jnp.arange(walk.visits.shape[0])
    graph = walk.graph
    return jnp.stack([
        (leads & (nodes == to)).astype(jnp.float32),
        (walk.visits > 0).astype(jnp.float32),
        jnp.minimum(walk.visits / 3, 3.0),
        (nodes == graph.goal).astype(jnp.float32),
    ], axis=1)  # fmt: skip


def followed(walk: Walk, key: Key[Array, ""]) -> Int[Array, ""]:
    """Where a fixed arm goes: after its plan, or else to the goal or where it has been least."""
    to, leads = next_of(walk)
    nodes = jnp.arange(walk.visits.shape[0])
    least = walk.visits.astype(jnp.float32) + jax.random.uniform(key, nodes.shape)
    least = jnp.where(nodes == walk.graph.goal, -1.0, least)
    return jnp.where(leads, to, jnp.argmin(jnp.where(walk.graph.joined[walk.at], least, FAR)))


Decide = Callable[[Walk, Float[Array, " D"], Key[Array, ""]], Bool[Array, ""]]
Move = Callable[[Walk, Float[Array, "N M"], Key[Array, ""]], Int[Array, ""]]


def episode(world: World, decide: Decide, move: Move, key: Key[Array, ""]) -> Step:
    """A whole episode, time first; vmap it over keys for more."""

    def step(walk: Walk, number: Int[Array, ""]) -> tuple[Walk, Step]:
        own = stream(key, "step", number)
        seen, live = decision_features(world, walk), ~walk.done
        plan = live & decide(walk, seen, stream(own, "decide"))
        made, tokens = planned(world, walk, stream(own, "plan"))
        walk = walk._replace(plan=jax.tree.map(lambda a, b: jnp.where(plan, a, b), made, walk.plan))
        tokens = jnp.where(plan, tokens, 0)
        near, joined = move_features(walk), walk.graph.joined[walk.at]
        to = move(walk, near, stream(own, "move"))
        walk, reward = walked(world, walk, to)
        told = reward - world.cost * tokens.astype(jnp.float32)
        return walk, Step(seen, near, joined, plan, to, told, tokens, live, walk.done)

    _, steps = jax.lax.scan(step, draw(world, stream(key, "graph")), jnp.arange(world.limit))
    return steps


def every(period: Int[Array, ""] | int) -> Decide:
    """Plan at the first step and every `period` steps; 0: never."""

    def decide(walk: Walk, seen: Array, key: Array) -> Array:
        return (period > 0) & (walk.step % jnp.maximum(period, 1) == 0)

    return decide


def at_random(chance: Float[Array, ""] | float) -> Decide:
    """Plan at each step with this chance: what a network is primed on, over all chances."""
    return lambda walk, seen, key: jax.random.uniform(key) < chance


def follow(walk: Walk, near: Array, key: Array) -> Array:
    """As the fixed arms."""
    return followed(walk, key)


def of_network(network: Network) -> tuple[Decide, Move]:
    """A network's own choices, drawn."""

    def decide(walk: Walk, seen: Array, key: Array) -> Array:
        return jax.random.uniform(key) < jax.nn.sigmoid(network.decide(seen))

    def move(walk: Walk, near: Array, key: Array) -> Array:
        scores = masked(jax.vmap(network.move)(near), walk.graph.joined[walk.at])
        return jax.random.categorical(key, scores)

    return decide, move


def masked(scores: Float[Array, "*B N"], joined: Bool[Array, "*B N"]) -> Float[Array, "*B N"]:
    """Scores of neighbours; all others are never chosen."""
    return jnp.where(joined, scores, -1e9)


class Told(NamedTuple):
    """What episodes came to, each figure's mean over them."""

    reached: Float[Array, ""]
    """Share that reached the goal."""
    steps: Float[Array, ""]
    plans: Float[Array, ""]
    """Plans a step."""
    tokens: Float[Array, ""]
    """Of plans, an episode."""
    worth: Float[Array, ""]
    """The return: rewards less the cost of plans."""
    spread: Float[Array, ""]
    """Standard error of `worth`."""


def told(steps: Step) -> Told:
    """Of a batch of episodes (batch first, then time)."""
    length = steps.live.sum(1).astype(jnp.float32)
    worth = steps.reward.sum(1)
    return Told(
        steps.done[:, -1].mean(),
        length.mean(),
        steps.plan.sum().astype(jnp.float32) / length.sum(),
        steps.tokens.sum(1).astype(jnp.float32).mean(),
        worth.mean(),
        worth.std() / jnp.sqrt(worth.shape[0] - 1),
    )


def tested(world: World, decide: Decide, move: Move, key: Key[Array, ""], episodes: int) -> Told:
    """Figures over episodes whose graphs hang on `key` alone, so that arms meet the same ones."""
    keys = jax.random.split(key, episodes)
    return told(jax.vmap(lambda own: episode(world, decide, move, own))(keys))
