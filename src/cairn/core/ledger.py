"""What a run has spent so far, in integers that neither round nor overflow.

Every comparison is at equal spend, so the ledger is part of the state. A float32 stops counting
at 2^24 and an int32 at 2^31; two uint32 limbs count to 2^64 without 64-bit JAX.
"""

from collections.abc import Iterable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Integer, UInt32

from cairn.core.counts import COUNTS, STEPS

Amount = Integer[Array, ""] | int
"""How much to add: a Python int in [0, 2^64), or a non-negative int32 or uint32 scalar."""


class Ledger(eqx.Module):
    """Counts by name as (high, low) limbs: the value is high * 2^32 + low. Seeds may lead."""

    counts: dict[str, UInt32[Array, "*seeds 2"]]

    @classmethod
    def zero(cls, names: Iterable[str]) -> "Ledger":
        """Nothing spent yet of any count of `names`. Raises ValueError for one not in COUNTS."""
        for name in names:
            if name not in COUNTS:
                raise ValueError(f"No count is called {name!r}; expected one of {list(COUNTS)}.")
        return cls({name: jnp.zeros(2, jnp.uint32) for name in names})

    def add(self, **amounts: Amount) -> "Ledger":
        """The ledger after spending this much more. For one seed: `vmap` adds the seed axis.

        A traced amount must not be negative; a negative Python int raises ValueError, and so does
        a count that this ledger does not keep.
        """
        for name in amounts:
            if name not in self.counts:
                raise ValueError(f"The ledger counts {list(self.counts)}, got {name!r}.")
        added = {name: _add(self.counts[name], amount) for name, amount in amounts.items()}
        return Ledger(self.counts | added)

    def totals(self) -> dict[str, int | list]:
        """Every count by name, and where there are environment steps their sum (host side).

        Python ints; with a leading seed axis each value is a list with one int a seed.
        """
        counts = {name: _value(self.counts[name]) for name in COUNTS if name in self.counts}
        steps = [counts[name] for name in STEPS if name in counts]
        if steps:
            counts["environment_steps"] = np.asarray(np.sum(steps, axis=0, dtype=np.uint64))
        return {name: count.tolist() for name, count in counts.items()}

    def spent(self, names: Iterable[str]) -> Float[Array, ""]:
        """The sum of some counts, rounded as float32 rounds, for schedules."""
        limbs = jnp.stack([self.counts[name] for name in names]).astype(jnp.float32)
        return jnp.sum(limbs[:, 0]) * 2.0**32 + jnp.sum(limbs[:, 1])

    def reached(self, budget: int, names: Iterable[str]) -> Bool[Array, ""]:
        """Whether the sum of some counts is `budget` or more, exactly."""
        total = jnp.zeros(2, jnp.uint32)
        for name in names:
            high, low = self.counts[name]
            total = _sum(total, high, low)
        high, low = _limbs(budget)
        return (total[0] > high) | ((total[0] == high) & (total[1] >= low))


def _add(limbs: UInt32[Array, "2"], amount: Amount) -> UInt32[Array, "2"]:
    return _sum(limbs, *_limbs(amount))


def _sum(limbs: UInt32[Array, "2"], high: Array, low: Array) -> UInt32[Array, "2"]:
    sum_low = limbs[1] + low
    # Unsigned addition wraps; the sum is smaller than a summand exactly if it did.
    carry = (sum_low < low).astype(jnp.uint32)
    return jnp.stack([limbs[0] + high + carry, sum_low])


def _limbs(amount: Amount) -> tuple[UInt32[Array, ""], UInt32[Array, ""]]:
    if isinstance(amount, int):
        if not 0 <= amount < 2**64:
            raise ValueError(f"A ledger adds amounts in [0, 2^64), got {amount}.")
        return jnp.uint32(amount >> 32), jnp.uint32(amount & 0xFFFFFFFF)
    return jnp.uint32(0), amount.astype(jnp.uint32)


def _value(limbs: UInt32[Array | np.ndarray, "*seeds 2"]) -> np.ndarray:
    wide = np.asarray(limbs).astype(np.uint64)
    return np.asarray((wide[..., 0] << np.uint64(32)) | wide[..., 1])
