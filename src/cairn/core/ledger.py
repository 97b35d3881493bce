"""What a run has spent so far, in integers that neither round nor overflow.

Every comparison is at equal spend, so the ledger is part of the state. A float32 stops counting
at 2^24 and an int32 at 2^31; two uint32 limbs count to 2^64 without 64-bit JAX.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Integer, UInt32

Amount = Integer[Array, ""] | int
"""How much to add: a Python int in [0, 2^64), or a non-negative int32 or uint32 scalar."""


class Ledger(eqx.Module):
    """Counts as (high, low) limbs: the value is high * 2^32 + low. Seeds may lead every field."""

    training: UInt32[Array, "*seeds 2"]
    """Environment steps of rollouts whose traces reach the learner's update."""
    scoring: UInt32[Array, "*seeds 2"]
    """Environment steps that only score levels."""
    mutation: UInt32[Array, "*seeds 2"]
    """Environment steps spent on mutated levels before they enter the archive."""
    evaluation: UInt32[Array, "*seeds 2"]
    """Environment steps of tests during the run. Never part of what the learner saw."""
    gradient_steps: UInt32[Array, "*seeds 2"]
    """Optimiser updates."""

    @classmethod
    def zero(cls) -> "Ledger":
        """Nothing spent yet."""
        return cls(*(jnp.zeros(2, jnp.uint32) for _ in range(5)))

    def add(
        self,
        *,
        training: Amount = 0,
        scoring: Amount = 0,
        mutation: Amount = 0,
        evaluation: Amount = 0,
        gradient_steps: Amount = 0,
    ) -> "Ledger":
        """The ledger after spending this much more. For one seed: `vmap` adds the seed axis.

        A traced amount must not be negative; a negative Python int raises ValueError.
        """
        return Ledger(
            training=_add(self.training, training),
            scoring=_add(self.scoring, scoring),
            mutation=_add(self.mutation, mutation),
            evaluation=_add(self.evaluation, evaluation),
            gradient_steps=_add(self.gradient_steps, gradient_steps),
        )

    def totals(self) -> dict[str, int | list]:
        """Every count by name, and their sum `environment_steps`, as Python ints (host side).

        With a leading seed axis each value is a list with one int a seed.
        """
        steps = {name: _value(getattr(self, name)) for name in STEPS}
        total = np.sum(list(steps.values()), axis=0, dtype=np.uint64)
        counts = steps | {
            "environment_steps": total,
            "gradient_steps": _value(self.gradient_steps),
        }
        return {name: count.tolist() for name, count in counts.items()}

    @property
    def environment_steps(self) -> int | list:
        """All environment steps, whatever they were for (host side)."""
        return self.totals()["environment_steps"]


STEPS = ("training", "scoring", "mutation", "evaluation")
"""The fields that count environment steps."""


def _add(limbs: UInt32[Array, "2"], amount: Amount) -> UInt32[Array, "2"]:
    high, low = _limbs(amount)
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
