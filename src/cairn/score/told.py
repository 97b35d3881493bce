"""A score that somebody else computes: a trainer that sees every step, a judge, a person."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cairn.core.trace import Trace
from cairn.score.base import Number, Reading, Score, Scored


@dataclass(frozen=True)
class Told(Score):
    """Told: whatever number is told of a level; the larger, the more there is to learn."""

    score: Float[Array, " B"] | None = None
    """Of each column's level."""
    valid: Bool[Array, " B"] | None = None
    """Where it was told."""

    reads: ClassVar[tuple[Reading, ...]] = ()

    def of(self, score: Float[Array, " B"], valid: Bool[Array, " B"]) -> "Told":
        """With these told."""
        return dataclasses.replace(self, score=score, valid=valid)

    def unseen(self, *shape: int) -> tuple[()]:
        """Nothing."""
        return ()

    def merge(self, memory: tuple[()], seen: tuple[()]) -> tuple[()]:
        """Nothing."""
        return ()

    def __call__(
        self, traces: Mapping[str, Trace], memory: tuple[()], gamma: Number, lam: Number
    ) -> Scored:
        """What was told of each column."""
        assert self.score is not None and self.valid is not None, "the score has to be told"
        return Scored(jnp.where(self.valid, self.score, 0.0), self.valid, ())


TOLD = Told()
