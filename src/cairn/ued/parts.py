"""What the methods of this wing are made of: problem, state, and the phases of a cycle."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.archive import replay
from cairn.archive.replay import Inserted, Replay, warm
from cairn.core.counts import SPENT
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.trace import Keep, Trace
from cairn.engine.learning import improve
from cairn.engine.program import Events
from cairn.engine.rollout import rollout
from cairn.envs.oracle import optimal_returns
from cairn.envs.protocol import Environment, Level
from cairn.learners.protocol import Actor, Learner
from cairn.sampler import segments
from cairn.sampler.segments import Segment
from cairn.score import STUDENT, Score, Scored
from cairn.ued.config import COUNTS, CurationConfig


class Problem(NamedTuple):
    """The fixed part of a run: what is played, who learns, for how long."""

    env: Environment
    learner: Learner
    gamma: float
    gae_lambda: float
    bootstrap_time_limit: bool
    steps: int
    """Environment steps of the whole run, for schedules."""
    mesh: Mesh | None = None
    """Devices that share the columns of each batch, if any do."""


class State(eqx.Module):
    """Everything that changes. Its arrays are the checkpoint."""

    key: Key[Array, ""]
    """Root of every random stream; never changes."""
    cycle: Int[Array, ""]
    learner: PyTree
    """Of a method with several roles, a dictionary by role."""
    archive: Replay | None
    ledger: Ledger
    extra: PyTree
    """What one method keeps for itself."""


def begin(
    problem: Problem,
    key: Key[Array, ""],
    archive: CurationConfig | None,
    extra: PyTree = None,
    counts: Iterable[str] = COUNTS,
) -> State:
    """The state before the first cycle."""
    key_of = lambda name: stream(key, name)  # noqa: E731
    return State(
        key=key,
        cycle=jnp.int32(0),
        learner=problem.learner.init(key_of("learner")),
        archive=None if archive is None else empty(problem, archive),
        ledger=Ledger.zero(counts),
        extra=extra,
    )


def empty(problem: Problem, config: CurationConfig) -> Replay:
    """An archive without levels."""
    example = jax.eval_shape(problem.env.space.sample, jax.random.key(0))
    level = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), example)
    return replay.empty(level, config.scoring.unseen(), config)


def after(state: State, **changes: Any) -> State:
    """The state one cycle on, with what has changed."""
    return dataclasses.replace(state, cycle=state.cycle + 1, **changes)


def key_for(state: State, name: str) -> Key[Array, ""]:
    """This cycle's key for one purpose."""
    return stream(state.key, name, state.cycle)


def progress(state: State, problem: Problem) -> Float[Array, ""]:
    """How much of the run is behind, in [0, 1], by the environment steps spent."""
    spent = state.ledger.spent(budget(state.ledger.counts))
    return jnp.minimum(spent / jnp.float32(problem.steps), 1.0)


def budget(counts: Collection[str]) -> tuple[str, ...]:
    """What the budget is on, of these counts: all environment steps but those of tests."""
    return tuple(name for name in SPENT if name in counts)


def replay_coin(state: State, config: CurationConfig) -> Bool[Array, ""]:
    """One coin for the whole batch: replay with `replay_probability`, once the archive is warm."""
    assert state.archive is not None
    heads = jax.random.uniform(key_for(state, "coin")) < config.replay_probability
    return warm(state.archive, config) & heads


def curate(
    problem: Problem, config: CurationConfig, state: State, replay_now: Bool[Array, ""]
) -> tuple[Replay, Segment]:
    """A batch drawn from the archive if `replay_now`, else a batch of new levels."""
    assert state.archive is not None
    archive, fresh = segments.new(
        state.archive, problem.env.space, config.scoring, key_for(state, "levels"), config.batch
    )
    archive, again = segments.replayed(
        archive, key_for(state, "replay"), config.batch, config, replay_now
    )
    return archive, segments.either(replay_now, again, fresh)


def play(problem: Problem, learner: Any, levels: Level, key: Key[Array, ""], steps: int) -> Trace:
    """Roll out `levels`, one a column: an ended column restarts its own level."""
    turns = jax.tree.map(lambda leaf: leaf[None], levels)
    return play_turns(problem, learner, turns, key, steps)


def play_turns(
    problem: Problem,
    learner: Any,
    levels: Level,
    key: Key[Array, ""],
    steps: int,
    keep: Collection[Keep] = (),
) -> Trace:
    """Roll out columns of several levels each: every leaf is (turns, B, ...)."""
    _, traces = rollout(
        problem.env,
        {"student": Actor(problem.learner, learner)},
        levels,
        key,
        steps=steps,
        keep={STUDENT: keep},
        bootstrap_time_limit=problem.bootstrap_time_limit,
        mesh=problem.mesh,
    )
    return traces["student"]


def learn(
    problem: Problem, state: State, trace: Trace, when: Bool[Array, ""] | bool = True
) -> tuple[Any, dict[str, Float[Array, ""]]]:
    """The learner after one update, or the very same learner if not `when`."""
    key, behind = key_for(state, "update"), progress(state, problem)
    return improve(problem.learner, state.learner, trace, key, behind, when=when, mesh=problem.mesh)


def spend(
    ledger: Ledger, problem: Problem, trace: Trace, gradient: Bool[Array, ""], each: int = 1
) -> Ledger:
    """Enter a rollout: as training if it led to an update, else as scoring.

    `each`: environment steps that each step of the trace took.
    """
    steps = trace.reward.size * each
    return ledger.add(
        training=jnp.where(gradient, steps, 0),
        scoring=jnp.where(gradient, 0, steps),
        updates=jnp.where(gradient, problem.learner.gradient_steps, 0),
    )


def score(problem: Problem, config: CurationConfig, trace: Trace, batch: Segment) -> Scored:
    """Score the levels of the student's rollout with its discount."""
    return valued(problem, config.scoring, {STUDENT: trace}, batch.levels, batch.memory)


def valued(
    problem: Problem, scoring: Score, traces: Mapping[str, Trace], levels: Level, memory: PyTree
) -> Scored:
    """Score `levels`, one a column, by how they were played and, if the score asks, by the oracle.

    `problem` is whose discount counts, and whose environment knows what can be reached.
    """
    if scoring.oracle:
        scoring = scoring.told(optimal_returns(problem.env, levels))
    return scoring(traces, memory, problem.gamma, problem.gae_lambda)


def slice_columns(trace: Trace, start: int, stop: int) -> Trace:
    """Columns [start, stop) of a rollout."""
    return trace.columns(slice(start, stop))


def events(batch: Segment, scored: Scored, inserted: Inserted) -> Events:
    """What one offer of levels changed in the archive."""
    return Events(
        entered=inserted.entered,
        ids=batch.ids,
        parents=batch.parents,
        has_parent=batch.has_parent,
        generation=batch.generation,
        source=batch.source,
        score=scored.score,
        levels=batch.levels,
    )


def record(
    archive: Replay, batch: Segment, scored: Scored, config: CurationConfig
) -> tuple[Replay, Events]:
    """Write a scored batch into the archive, and say what entered."""
    archive, inserted = segments.record(archive, batch, scored, config, config.scoring)
    return archive, events(batch, scored, inserted)
