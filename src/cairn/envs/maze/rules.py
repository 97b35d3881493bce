"""Dynamics of the maze: state, walls as bits, moves.

The walls live in the state as bit rows of the bordered map, once by rows and once by columns, so
that a wall test is one load and a shift, and a view (see `observe`) is `view` loads, whatever the
heading. That is what makes stepping cheap on a CPU, where gathers of single cells are not.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from cairn.envs.maze.level import MazeLevel

LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE, DONE = range(7)
"""Actions. Only the first three do something; the rest cost a step, as in MiniGrid."""

STRIDE = 16
"""Words of one row overlap by half, so any window of up to 17 bits lies inside one word."""


class MazeState(NamedTuple):
    """A maze being played."""

    bits: UInt32[Array, "lines words"]
    """First the rows of the bordered map (bit = x), then its columns (bit = y)."""
    agent: Int[Array, " 2"]
    heading: Int[Array, ""]
    goal: Int[Array, " 2"]
    time: Int[Array, ""]
    """Steps taken so far in this episode."""


def pack(walls: Bool[Array, "height width"], border: int) -> UInt32[Array, "lines words"]:
    """Bit rows and bit columns of `walls` with `border` cells of wall on every side.

    Word k of a row holds the bits [16 k, 16 k + 32); up to 32 bits, one word is enough.
    """
    height, width = walls.shape
    side = max(height, width) + 2 * border
    words = 1 if side <= 32 else -(-side // STRIDE)
    full = np.ones((side, words * STRIDE + STRIDE), bool)
    padded = jnp.asarray(full).at[border : border + height, border : border + width].set(walls)
    turned = jnp.asarray(full).at[border : border + width, border : border + height].set(walls.T)
    both = jnp.concatenate([padded, turned]).astype(jnp.uint32)
    weights = jnp.asarray(np.uint32(1) << np.arange(32, dtype=np.uint32))
    return jnp.stack(
        [
            jnp.sum(both[:, k * STRIDE : k * STRIDE + 32] * weights[None], axis=1, dtype=jnp.uint32)
            for k in range(words)
        ],
        axis=1,
    )


def load(
    bits: UInt32[Array, "rows words"], row: Int[Array, "*n"], start: Int[Array, ""]
) -> UInt32[Array, "*n"]:
    """Bits of `row` from column `start` on, lowest bit first; at least 17 are valid."""
    word = start // STRIDE if bits.shape[1] > 1 else jnp.int32(0)
    # Border and view are such that no index ever lies outside: nothing needs to check.
    line = bits.at[row, word].get(mode="promise_in_bounds", wrap_negative_indices=False)
    return line >> (start - word * STRIDE).astype(jnp.uint32)


def begin(level: MazeLevel, border: int) -> MazeState:
    """The state before the first step."""
    return MazeState(
        bits=pack(level.walls, border),
        agent=level.agent,
        heading=level.heading,
        goal=level.goal,
        time=jnp.int32(0),
    )


def direction(heading: Int[Array, ""]) -> Int[Array, " 2"]:
    """(dx, dy) of a heading. Arithmetic: on a CPU a table would cost more than the whole move."""
    sign = 1 - (heading & 2)  # east and south look towards larger coordinates
    vertical = heading & 1
    return jnp.stack([sign * (1 - vertical), sign * vertical])


def move(
    state: MazeState, action: Int[Array, ""], border: int
) -> tuple[MazeState, Bool[Array, ""]]:
    """Apply `action`: the next state, and whether the agent walked into the goal.

    Walls and the border block. The agent does not step onto the goal: it stays, and the episode
    ends (as in minimax and JaxUED; MiniGrid moves it there).
    """
    turn = (action == RIGHT).astype(jnp.int32) - (action == LEFT).astype(jnp.int32)
    forward = action == FORWARD
    ahead = state.agent + direction(state.heading)
    wall = (load(state.bits, ahead[1] + border, ahead[0] + border) & jnp.uint32(1)) == 1
    at_goal = forward & jnp.all(ahead == state.goal)
    walks = forward & ~wall & ~at_goal
    return (
        MazeState(
            bits=state.bits,
            agent=jnp.where(walks, ahead, state.agent),
            heading=(state.heading + turn) & 3,
            goal=state.goal,
            time=state.time + 1,
        ),
        at_goal,
    )


def goal_reward(
    time_before: Int[Array, ""], limit: int, penalize_time: bool = True
) -> Float[Array, ""]:
    """Reward for reaching the goal with the step taken at `time_before`: 1 - 0.9 (t+1)/limit."""
    if not penalize_time:
        return jnp.float32(1)
    return 1.0 - 0.9 * (time_before + 1).astype(jnp.float32) / limit
