"""Sequential draws from a replay archive without recomputing K weights for each."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


class _Ages(NamedTuple):
    """Stamps as a table of `rows` × `columns` slots, with the sum of ages of each row.

    A draw then reads the row sums and one row: O(√K) instead of O(K).
    """

    stamps: Int[Array, "rows columns"]
    row_age: Float[Array, " rows"]
    clock: Int[Array, ""]


def draw(
    by_score: Int[Array, " n"],
    from_score: Bool[Array, " n"],
    uniform: Float[Array, " n"],
    stamps: Int[Array, " K"],
    clock: Int[Array, ""],
    count: Int[Array, ""],
) -> tuple[Int[Array, " n"], Int[Array, " K"], Int[Array, ""]]:
    """Draw `n` slots one after the other, each ageing the archive by a tick.

    Draw d takes `by_score[d]` where `from_score[d]`, else a slot with chance ∝ clock - stamp,
    found by inverting the cumulative sum in slot order at `uniform[d]`. Then the clock ticks
    and the slot is stamped with it. `count` slots are occupied, from slot 0 up.

    Returns the slots, the stamps and the clock. With `count` 0: zeros, stamps and clock as given.
    """
    K = stamps.shape[0]
    columns = 2 ** math.ceil(math.log2(math.sqrt(K)))
    rows = -(-K // columns)
    occupied = (jnp.arange(rows * columns, dtype=jnp.int32) < count).reshape(rows, columns)
    table = jnp.pad(stamps, (0, rows * columns - K)).reshape(rows, columns)
    in_row = occupied.sum(axis=1).astype(jnp.float32)
    tick = (count > 0).astype(jnp.int32)
    last = jnp.maximum(count - 1, 0)

    def ages(row: Array, live: Array, now: Array) -> Array:
        return jnp.where(live, now - row, 0).astype(jnp.float32)

    def stale_slot(state: _Ages, u: Array) -> Array:
        cumulative = jnp.cumsum(state.row_age)
        target = u * cumulative[-1]
        row = jnp.minimum((cumulative <= target).sum(dtype=jnp.int32), rows - 1)
        within = target - (cumulative[row] - state.row_age[row])
        inner = jnp.cumsum(ages(state.stamps[row], occupied[row], state.clock))
        column = jnp.minimum((inner <= within).sum(dtype=jnp.int32), columns - 1)
        anyone = (u * count.astype(jnp.float32)).astype(jnp.int32)
        # Rounding can step past the end of the archive by one slot: `last` holds it back.
        return jnp.minimum(jnp.where(cumulative[-1] > 0, row * columns + column, anyone), last)

    def one(state: _Ages, now: tuple[Array, Array, Array]) -> tuple[_Ages, Array]:
        slot = jnp.where(now[1], now[0], stale_slot(state, now[2]))
        row, column = slot // columns, slot % columns
        clock = state.clock + tick
        stamp = jnp.where(count > 0, clock, state.stamps[row, column])
        stamps = state.stamps.at[row, column].set(stamp)
        row_age = state.row_age + in_row * tick.astype(jnp.float32)
        # The touched row is summed afresh: subtracting a large age would leave rounding behind.
        row_age = row_age.at[row].set(ages(stamps[row], occupied[row], clock).sum())
        return _Ages(stamps, row_age, clock), slot

    start = _Ages(table, ages(table, occupied, clock).sum(axis=1), clock)
    end, slots = jax.lax.scan(one, start, (by_score, from_score, uniform))
    return slots, end.stamps.reshape(-1)[:K], end.clock
