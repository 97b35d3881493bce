"""Dynamic sampling: groups that teach nothing are replaced by those of new prompts.

A group whose rewards are all equal has no credit to give. Here such groups leave, and further
batches of prompts are sampled for their places until all are taken or the patience is at its end;
places still free then count for nothing. Tokens of groups that left are spent like all others.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from cairn.core import branches
from cairn.improve import parts, select
from cairn.improve.config import Config
from cairn.improve.parts import Metrics, Played, Problem, State


class Filling(NamedTuple):
    """A batch while it is being filled."""

    played: Played
    taken: Int[Array, ""]
    """Places that hold a group of unequal rewards, from the first on."""
    batches: Int[Array, ""]
    spent: Int[Array, ""]


def play(problem: Problem, config: Config, state: State, most: int) -> tuple[Played, Metrics]:
    """Like `parts.play`, from at most so many batches of prompts."""
    P = config.prompts
    model = state.student.model

    def sampled(batch: Array) -> Played:
        keys = jax.random.split(jax.random.fold_in(parts.key_for(state, "problems"), batch), P)
        problems = parts.given(problem, config, state, keys)
        prompt = parts.plain(problem, problems)
        key = jax.random.fold_in(parts.key_for(state, "answers"), batch)
        return parts.rewarded(
            config, state, parts.answer(problem, config, model, problems, prompt, key)
        )

    def more(now: Filling) -> Bool[Array, ""]:
        return branches.anybody((now.taken < P) & (now.batches < most))

    def once(now: Filling) -> Filling:
        wanted = (now.taken < P) & (now.batches < most)
        fresh = sampled(now.batches)
        useful = select.unequal(fresh.rollouts.reward) & wanted
        place = now.taken + jnp.cumsum(useful.astype(jnp.int32)) - 1
        place = jnp.where(useful, place, P)  # out of range: the scatter drops it
        rows = lambda played: played._replace(spent=jnp.zeros(P, jnp.int32))  # noqa: E731
        put = lambda old, new: old.at[place].set(new, mode="drop")  # noqa: E731
        kept = jax.tree.map(put, rows(now.played), rows(fresh))
        return Filling(
            kept._replace(spent=jnp.int32(0)),
            jnp.minimum(now.taken + jnp.sum(useful.astype(jnp.int32)), P),
            now.batches + wanted.astype(jnp.int32),
            now.spent + jnp.where(wanted, fresh.spent, 0),
        )

    shapes = jax.eval_shape(sampled, jnp.int32(0))
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    first = Filling(nothing, jnp.int32(0), jnp.int32(0), jnp.int32(0))
    last = jax.lax.while_loop(more, once, first)
    # A free place: no token counts and no reward is known.
    free = jnp.arange(P, dtype=jnp.int32) >= last.taken
    rollouts = last.played.rollouts
    mask = jnp.where(free[:, None, None], 0.0, rollouts.mask)
    reward = jnp.where(free[:, None], jnp.nan, rollouts.reward)
    played = eqx.tree_at(
        lambda p: (p.rollouts.mask, p.rollouts.reward, p.spent),
        last.played,
        (mask, reward, last.spent),
    )
    share = last.taken.astype(jnp.float32) / P
    return played, {"batches": last.batches.astype(jnp.float32), "filled": share}
