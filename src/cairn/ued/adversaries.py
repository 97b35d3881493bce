"""Adversaries that come one after the other, each with an archive of its own (`remidi`)."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from cairn.archive import replay
from cairn.archive.replay import Replay
from cairn.envs.protocol import Level
from cairn.ued.parts import Problem


class Adversaries(NamedTuple):
    """Whose turn it is, and what those before have chosen."""

    number: Int[Array, ""]
    """j, from 0."""
    cycles: Int[Array, ""]
    """Since this one began."""
    levels: Level
    """Of the earlier archives, one after the other; every leaf (room, ...)."""
    held: Int[Array, ""]
    """How many there are."""


def first(archive: Replay, room: int) -> Adversaries:
    """The first one's turn, with `room` for the levels of all but the last."""
    rows = lambda leaf: jnp.zeros((room, *leaf.shape[1:]), leaf.dtype)  # noqa: E731
    levels = jax.tree.map(rows, archive.levels)
    return Adversaries(jnp.int32(0), jnp.int32(0), levels, jnp.int32(0))


def change(
    problem: Problem, archive: Replay, now: Adversaries, learner: Any
) -> tuple[Replay, Adversaries, Any]:
    """The next one's turn: its archive, what it must know, and who learns against it."""
    return replay.emptied(archive), following(archive, now), rested(problem, learner)


def following(archive: Replay, now: Adversaries) -> Adversaries:
    """The next adversary's turn: the levels of the last are put behind those of the others."""

    def put(every: Array, own: Array) -> Array:
        # Rows from `archive.count` on are empty: whatever is there, the next one writes over it.
        return jax.lax.dynamic_update_slice_in_dim(every, own, now.held, 0)

    levels = jax.tree.map(put, now.levels, archive.levels)
    return Adversaries(now.number + 1, jnp.int32(0), levels, now.held + archive.count)


def rested(problem: Problem, learner: Any) -> Any:
    """The learner without momentum, where it has any: that would move what is settled."""
    rest = getattr(problem.learner, "rested", None)
    return learner if rest is None else rest(learner)
