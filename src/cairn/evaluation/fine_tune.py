"""A lower bound of regret where nobody knows the best return of a level.

A copy of the student learns on one level alone, for a fixed number of updates. Whatever it then
reaches in fresh attempts can be reached, so that what it reaches beyond the student is at most the
regret, in the mean over attempts. The copy that is tried is the best along the way *by the
rollouts it learned from*, the student itself among them; the attempts that count are others, so
that luck in choosing does not raise the bound (no winner's curse).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.core import branches, trees
from cairn.core.keys import stream
from cairn.engine.compiled import over_seeds
from cairn.engine.program import Valuation
from cairn.engine.rollout import rollout
from cairn.envs.protocol import Level
from cairn.evaluation.attempts import attempt
from cairn.learners.protocol import Actor, Learner
from cairn.score import STUDENT
from cairn.score.episodes import episode_statistics


class Tuned(NamedTuple):
    """What came of N levels, in E attempts at each that count."""

    student: Float[Array, "N E"]
    """Returns of the student."""
    copy: Float[Array, "N E"]
    """Returns of its copy, with the same draws: where it is the student still, the same returns."""
    updates: Int[Array, " N"]
    """How many updates the copy had had that was tried."""
    steps: Int[Array, " N"]
    """Environment steps computed."""


def fine_tune(
    how: Valuation,
    learner: Learner,
    state: Any,
    levels: Level,
    keys: Key[Array, " N"],
    *,
    updates: Int[Array, ""],
    episodes: int,
) -> Tuned:
    """A copy of `state` for each of N `levels`, which learns on it alone; one program, pure.

    Copies go one after the other on a CPU and side by side elsewhere. They have rollouts and
    settings of the run, at the learning rate of its beginning.
    """

    def one(given: tuple[Level, Key[Array, ""]]) -> Tuned:
        level, key = given
        return _one(how, learner, state, level, key, updates, episodes)

    return over_seeds(one, keys.shape[0])((levels, keys))


class _Copy(NamedTuple):
    now: Any
    best: Any
    reached: Float[Array, ""]
    """By the best, in the rollout that it played."""
    after: Int[Array, ""]
    """The updates it had had."""


def _one(
    how: Valuation,
    learner: Learner,
    state: Any,
    level: Level,
    key: Key[Array, ""],
    updates: Int[Array, ""],
    episodes: int,
) -> Tuned:
    columns = jax.tree.map(lambda leaf: jnp.stack([leaf] * how.batch)[None], level)

    def play(copy: _Copy, number: Array) -> tuple[_Copy, Any]:
        """A rollout, and whether it was the best so far."""
        _, traces = rollout(
            how.env,
            {STUDENT: Actor(learner, copy.now)},
            columns,
            stream(key, "rollout", number),
            steps=how.steps,
            bootstrap_time_limit=how.bootstrap_time_limit,
        )
        trace = traces[STUDENT]
        found = episode_statistics(trace)
        ended = found.finished.astype(jnp.float32)
        mean = (found.mean_return * ended).sum() / jnp.maximum(ended.sum(), 1.0)
        better = (ended.sum() > 0) & (mean > copy.reached)
        best = trees.where(better, copy.now, copy.best)
        reached = jnp.where(better, mean, copy.reached)
        return _Copy(copy.now, best, reached, jnp.where(better, number, copy.after)), trace

    def cycle(number: Array, copy: _Copy) -> _Copy:
        copy, trace = play(copy, number)
        # Progress 0: a learning rate that had decayed to nothing would leave the copy as it is.
        improve = lambda now: learner.update(  # noqa: E731
            now, trace, stream(key, "update", number), jnp.float32(0)
        )[0]
        # After the last rollout nobody would play what is learned.
        return copy._replace(
            now=branches.when(number < updates, improve, lambda now: now, copy.now)
        )

    begun = _Copy(state, state, jnp.float32(-jnp.inf), jnp.int32(0))
    copy = jax.lax.fori_loop(0, updates + 1, cycle, begun)

    same = jax.tree.map(lambda leaf: jnp.stack([leaf] * episodes), level)
    fresh = jax.random.split(stream(key, "attempts that count"), episodes)
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), state, copy.best)
    tried = jax.lax.map(
        lambda who: attempt(
            how.env, learner, who, same, fresh, jnp.int32(episodes), columns=episodes
        ),
        both,
    )
    played = (updates + 1) * how.batch * how.steps
    returns = tried.episode_return
    return Tuned(returns[0], returns[1], copy.after, played + tried.steps.sum())
