"""What a player of Craftax-Classic sees, as numbers: all that the words say and the teacher knows.

Names stand by the package's numbers (Matthews et al. 2024, arXiv:2402.16801, `craftax_classic`).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

ACTIONS = (
    "noop", "left", "right", "up", "down", "do", "sleep", "place-stone", "place-table",
    "place-furnace", "place-plant", "make-wood-pickaxe", "make-stone-pickaxe", "make-iron-pickaxe",
    "make-wood-sword", "make-stone-sword", "make-iron-sword",
)  # fmt: skip
"""By the package's numbers."""
BLOCKS = (
    "nothing", "edge", "grass", "water", "stone", "tree", "log", "path", "coal", "iron", "diamond",
    "table", "furnace", "sand", "lava", "plant", "ripe-plant",
)  # fmt: skip
"""By the package's numbers."""
KINDS = ("tree", "stone", "water", "coal", "iron", "table", "cow", "zombie")
TREE, STONE, WATER, COAL, IRON, TABLE, COW, ZOMBIE = range(len(KINDS))
FRONTS = (*BLOCKS, "cow", "zombie")
"""What may be in front."""
GOALS = {
    "get-wood": 0, "put-table": 1, "wood-pickaxe": 5, "wood-sword": 6, "get-sapling": 3,
    "put-plant": 7, "drink": 4, "eat-cow": 2, "get-stone": 9,
}  # fmt: skip
"""Goals with the package's numbers of their achievements; what else is achieved counts too."""
WAYS = ("w", "e", "n", "s")
"""By the package's directions, less one."""
HIGH, WIDE = 7, 9
"""Cells in view."""
CARRIED = ("wood", "stone", "sapling", "pickaxe", "sword")
MOST = (5, 5, 1, 2, 2)
"""Of each that is told; of tools 1 is of wood and 2 of stone or better."""
UNSEEN = 12
"""Steps that are reckoned with to what is not in view."""


class Sight(eqx.Module):
    """What the words say, as numbers; the teacher knows no more."""

    across: Int[Array, " K"]
    """East of the player, of each kind's nearest; 0 where none is in view."""
    down: Int[Array, " K"]
    far: Int[Array, " K"]
    """Steps there; UNSEEN where none is in view."""
    facing: Int[Array, ""]
    """By `WAYS`."""
    front: Int[Array, ""]
    """By `FRONTS`."""
    levels: Int[Array, "3"]
    bag: Int[Array, "5"]
    todo: Bool[Array, " G"]


def sight(state: Any) -> Sight:
    """Of a state of the package."""
    row, column = state.player_position[0], state.player_position[1]
    rows, columns = HIGH // 2, WIDE // 2
    padded = jnp.pad(state.map, ((rows, rows), (columns, columns)), constant_values=1)
    view = jax.lax.dynamic_slice(padded, (row, column), (HIGH, WIDE)).astype(jnp.int32)

    def mobs(group: Any) -> Bool[Array, "H W"]:
        here = jnp.zeros((HIGH, WIDE), bool)
        for at in range(group.mask.shape[0]):  # few
            y = jnp.arange(HIGH) == group.position[at, 0] - row + rows
            x = jnp.arange(WIDE) == group.position[at, 1] - column + columns
            here = here | (group.mask[at] & y[:, None] & x[None])
        return here

    cows, zombies = mobs(state.cows), mobs(state.zombies)
    where = jnp.stack([*(view == BLOCKS.index(name) for name in KINDS[:COW]), cows, zombies])
    down, across = jnp.meshgrid(jnp.arange(HIGH) - rows, jnp.arange(WIDE) - columns, indexing="ij")
    steps = jnp.where(where, jnp.abs(down) + jnp.abs(across), UNSEEN).reshape(len(KINDS), -1)
    nearest, far = jnp.argmin(steps, axis=1), steps.min(1)
    seen = far < UNSEEN
    facing = state.player_direction - 1
    y = rows + jnp.array([0, 0, -1, 1])[facing]
    x = columns + jnp.array([-1, 1, 0, 0])[facing]
    front = jnp.where(cows[y, x], len(BLOCKS), view[y, x])
    front = jnp.where(zombies[y, x], len(BLOCKS) + 1, front)
    own = state.inventory
    tool = lambda wood, stone, iron: jnp.where(stone + iron > 0, 2, jnp.minimum(wood, 1))  # noqa: E731
    bag = jnp.stack([
        own.wood, own.stone, own.sapling,
        tool(own.wood_pickaxe, own.stone_pickaxe, own.iron_pickaxe),
        tool(own.wood_sword, own.stone_sword, own.iron_sword),
    ])  # fmt: skip
    levels = jnp.stack([state.player_health, state.player_food, state.player_drink])
    return Sight(
        jnp.where(seen, across.ravel()[nearest], 0), jnp.where(seen, down.ravel()[nearest], 0),
        far, facing, front, jnp.clip(levels, 0, 9).astype(jnp.int32),
        jnp.minimum(bag, jnp.array(MOST)).astype(jnp.int32),
        ~state.achievements[jnp.array(list(GOALS.values()))].astype(bool),
    )  # fmt: skip
