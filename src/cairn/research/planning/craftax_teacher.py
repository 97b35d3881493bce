"""The teacher of Craftax-Classic: rules that plan goals and take steps to them.

It knows what is in view and what is carried, and no map. Under a plan it goes for the plan's first
goal that is still to do, and where nothing of what that needs is in view, the plan's way. Without a
plan it does what is nearly done, and else draws any goal that is still to do, anew at each step: it
has the same skills, and nothing holds it to what it began.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.keys import stream
from cairn.research.planning.craftax_sight import (
    ACTIONS,
    COW,
    FRONTS,
    GOALS,
    KINDS,
    STONE,
    TABLE,
    TREE,
    UNSEEN,
    WATER,
    WAYS,
    Sight,
)

G = len(GOALS)
(
    GET_WOOD,
    PUT_TABLE,
    WOOD_PICKAXE,
    WOOD_SWORD,
    GET_SAPLING,
    PUT_PLANT,
    DRINK,
    EAT_COW,
    GET_STONE,
) = range(G)
GRASS = FRONTS.index("grass")
AS_FRONT = np.array([FRONTS.index(name) for name in KINDS], np.int32)
"""What is in front when a kind is."""
SOLID = "edge water stone tree coal iron diamond table furnace plant ripe-plant lava cow zombie"
BLOCKED = np.array([name in SOLID.split() for name in FRONTS])
"""Not walked into: what is solid, moves, or kills."""
DO, PLACE_TABLE, PLACE_PLANT = map(ACTIONS.index, ("do", "place-table", "place-plant"))
MAKE_PICKAXE, MAKE_SWORD = map(ACTIONS.index, ("make-wood-pickaxe", "make-wood-sword"))


def missing(seen: Sight) -> Int[Array, " G"]:
    """Wood that is still to be got before each goal; a table takes two, a tool one."""
    tool = 1 + jnp.where(seen.far[TABLE] < UNSEEN, 0, 2)
    wanted = jnp.zeros(G, jnp.int32).at[PUT_TABLE].set(2)
    wanted = wanted.at[jnp.array([WOOD_PICKAXE, WOOD_SWORD])].set(tool)
    wanted = wanted.at[GET_STONE].set(jnp.where(has_pickaxe(seen), 0, tool))
    return jnp.maximum(wanted - seen.bag[0], 0)


def has_pickaxe(seen: Sight) -> Bool[Array, ""]:
    """Any."""
    return seen.bag[3] > 0


def needs(seen: Sight) -> Int[Array, " G"]:
    """The kind of thing to go to next for each goal; saplings are got where one stands."""
    kinds = jnp.array([TREE, TABLE, TABLE, TABLE, TREE, TREE, WATER, COW, STONE])
    kinds = kinds.at[GET_STONE].set(jnp.where(has_pickaxe(seen), STONE, TABLE))
    return jnp.where(missing(seen) > 0, TREE, kinds)


def reckoned(seen: Sight) -> Float[Array, " G"]:
    """Steps to each goal, roughly; infinite for what is achieved.

    To what it needs next, 5 for each more piece of wood, 12 from a pickaxe to stone, 10 for a
    sapling, which grass gives once in ten.
    """
    wood = missing(seen)
    steps = (seen.far[needs(seen)] + 5 * jnp.maximum(wood - 1, 0)).astype(jnp.float32)
    steps = steps.at[PUT_TABLE].set(jnp.where(wood[PUT_TABLE] > 0, steps[PUT_TABLE] + 1, 1.0))
    steps = steps.at[GET_STONE].add(jnp.where(has_pickaxe(seen), 0.0, 12.0))
    steps = steps.at[GET_SAPLING].set(10.0)
    steps = steps.at[PUT_PLANT].set(jnp.where(seen.bag[2] > 0, 1.0, 11.0))
    return jnp.where(seen.todo, steps, jnp.inf)


def planned(
    seen: Sight, goals: int, key: Key[Array, ""]
) -> tuple[Int[Array, ""], Int[Array, " goals"]]:
    """A way by `WAYS`, and the cheapest goals by `GOALS`, G where there are no more."""
    steps = reckoned(seen)
    order = jnp.argsort(steps)[:goals]
    kind = needs(seen)[order[0]]
    drawn = jax.random.randint(stream(key, "way"), (), 0, len(WAYS))
    way = jnp.where(seen.far[kind] < UNSEEN, towards(seen, kind), drawn)
    return way, jnp.where(jnp.isfinite(steps[order]), order, G)


def advised(
    seen: Sight, way: Int[Array, ""], goals: Int[Array, " goals"], key: Key[Array, ""]
) -> Int[Array, ""]:
    """An action by `ACTIONS`. Goals that are none (not 0 to G - 1) are passed over; way -1: any."""
    todo = (goals >= 0) & (goals < G) & seen.todo[jnp.clip(goals, 0, G - 1)]
    steps = reckoned(seen)
    chance = jnp.where(steps <= 1, 9.0, jnp.where(jnp.isfinite(steps), 0.0, -1e9))
    drawn = jax.random.categorical(stream(key, "goal"), chance)
    goal = jnp.where(todo.any(), goals[jnp.argmax(todo)], drawn)
    other = jax.random.randint(stream(key, "other"), (), 0, len(WAYS))
    return step_to(seen, goal, jnp.where(todo.any() & (way >= 0), way, other), other)


def towards(seen: Sight, kind: Int[Array, ""]) -> Int[Array, ""]:
    """The way along the longer side to the nearest of a kind."""
    across, down = seen.across[kind], seen.down[kind]
    sideways = jnp.abs(across) >= jnp.abs(down)
    return jnp.where(sideways, jnp.where(across < 0, 0, 1), jnp.where(down < 0, 2, 3))


def step_to(
    seen: Sight, goal: Int[Array, ""], way: Int[Array, ""], other: Int[Array, ""]
) -> Int[Array, ""]:
    """The action for a goal; `way` where nothing of it is in view, `other` where that is blocked.

    Ways and actions that move have the same order, but for the action 0, which does nothing.
    """
    kind, blocked = needs(seen)[goal], jnp.asarray(BLOCKED)[seen.front]
    inside = seen.far[kind] < UNSEEN
    to = jnp.where(inside, towards(seen, kind), way)
    action = 1 + jnp.where(blocked & (seen.facing == to), other, to)
    action = jnp.where(inside & (seen.front == jnp.asarray(AS_FRONT)[kind]), DO, action)
    # A table is put where none is in view; a tool is made beside one.
    wood, turn = seen.bag[0], 1 + other
    put = (kind == TABLE) & ((goal == PUT_TABLE) | ~inside)
    action = jnp.where(put & (wood >= 2), jnp.where(blocked, turn, PLACE_TABLE), action)
    beside = jnp.maximum(jnp.abs(seen.across[TABLE]), jnp.abs(seen.down[TABLE])) <= 1
    make = jnp.where(goal == WOOD_SWORD, MAKE_SWORD, MAKE_PICKAXE)
    ready = (kind == TABLE) & inside & beside & (goal != PUT_TABLE)
    action = jnp.where(ready, make, action)
    grass = jnp.where((goal == PUT_PLANT) & (seen.bag[2] > 0), PLACE_PLANT, DO)
    sapling = (goal == GET_SAPLING) | (goal == PUT_PLANT)
    return jnp.where(sapling, jnp.where(seen.front == GRASS, grass, turn), action)
