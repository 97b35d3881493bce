"""What the methods of this wing are made of: problem, state, and the phases of a cycle."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt32

from cairn.archive import replay
from cairn.archive.replay import Inserted, Replay, ReplayConfig, warm
from cairn.core import checks
from cairn.core.axes import COLUMNS
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.trace import Trace
from cairn.engine.devices import WHOLE, over
from cairn.engine.rollout import rollout
from cairn.engine.tracing import TRACE
from cairn.envs.protocol import Environment, Level
from cairn.learners.protocol import Actor, Learner
from cairn.sampler import segments
from cairn.sampler.segments import Batch
from cairn.score import SCORES, Memory, Scored, episode_statistics, unseen

ScoreName = Literal["positive-value-loss", "l1-value-loss", "one-step-td", "maxmc", "learnability"]


@dataclass(frozen=True)
class CycleConfig:
    """What every method needs to know about a cycle."""

    batch: int = 32
    """B, levels played side by side in one segment."""
    steps_per_cycle: int = 256
    """T, environment steps of each column in one rollout."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "batch", "steps_per_cycle")

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of the rollouts of this method, or divisors of them."""
        return (self.batch,)


@dataclass(frozen=True)
class CurationConfig(CycleConfig, ReplayConfig):
    """What every method with a replay archive needs to know."""

    score: ScoreName = "maxmc"
    """How much there is to learn from a level (`cairn list` describes them)."""
    replay_probability: float = 0.8
    """Chance of a cycle to replay, once the archive is warm. JaxUED 0.8, minimax and DCD 0.5."""

    def __post_init__(self) -> None:
        CycleConfig.__post_init__(self)
        ReplayConfig.__post_init__(self)
        checks.share(self, "replay_probability")


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
    archive: Replay | None
    ledger: Ledger
    extra: PyTree
    """What one method keeps for itself."""


class Events(NamedTuple):
    """Levels that entered the archive in a cycle, for the lineage file: N offers."""

    entered: Bool[Array, " N"]
    ids: UInt32[Array, " N"]
    parents: UInt32[Array, " N"]
    has_parent: Bool[Array, " N"]
    generation: Int[Array, " N"]
    source: Int[Array, " N"]
    score: Float[Array, " N"]
    levels: Level


class Report(NamedTuple):
    """What a cycle tells the world."""

    metrics: dict[str, Float[Array, ""]]
    events: tuple[Events, ...]


def begin(
    problem: Problem, key: Key[Array, ""], archive: ReplayConfig | None, extra: PyTree = None
) -> State:
    """The state before the first cycle."""
    key_of = lambda name: stream(key, name)  # noqa: E731
    example = jax.eval_shape(problem.env.space.sample, key)
    level = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), example)
    return State(
        key=key,
        cycle=jnp.int32(0),
        learner=problem.learner.init(key_of("learner")),
        archive=None if archive is None else replay.empty(level, unseen(), archive),
        ledger=Ledger.zero(),
        extra=extra,
    )


def key_for(state: State, name: str) -> Key[Array, ""]:
    """This cycle's key for one purpose."""
    return stream(state.key, name, state.cycle)


def progress(state: State, problem: Problem) -> Float[Array, ""]:
    """How much of the run is behind, in [0, 1], by the environment steps spent."""
    return jnp.minimum(spent(state.ledger) / float(problem.steps), 1.0)


def replay_coin(state: State, config: CurationConfig) -> Bool[Array, ""]:
    """One coin for the whole batch: replay with `replay_probability`, once the archive is warm."""
    assert state.archive is not None
    heads = jax.random.uniform(key_for(state, "coin")) < config.replay_probability
    return warm(state.archive, config) & heads


def curate(
    problem: Problem, config: CurationConfig, state: State, replay_now: Bool[Array, ""]
) -> tuple[Replay, Batch]:
    """A batch drawn from the archive if `replay_now`, else a batch of new levels."""
    assert state.archive is not None
    archive, fresh = segments.new(
        state.archive, problem.env.space, key_for(state, "levels"), config.batch
    )
    archive, again = segments.replayed(
        archive, key_for(state, "replay"), config.batch, config, replay_now
    )
    return archive, segments.either(replay_now, again, fresh)


def spent(ledger: Ledger) -> Float[Array, ""]:
    """Environment steps for training, scoring and mutation; rounded as float32 rounds."""
    limbs = jnp.stack([ledger.training, ledger.scoring, ledger.mutation]).astype(jnp.float32)
    return jnp.sum(limbs[:, 0]) * 2.0**32 + jnp.sum(limbs[:, 1])


def play(problem: Problem, learner: Any, levels: Level, key: Key[Array, ""], steps: int) -> Trace:
    """Roll out `levels`, one a column: an ended column restarts its own level."""
    turns = jax.tree.map(lambda leaf: leaf[None], levels)
    return play_turns(problem, learner, turns, key, steps)


def play_turns(
    problem: Problem, learner: Any, levels: Level, key: Key[Array, ""], steps: int
) -> Trace:
    """Roll out columns of several levels each: every leaf is (turns, B, ...)."""
    _, traces = rollout(
        problem.env,
        {"student": Actor(problem.learner, learner)},
        levels,
        key,
        steps=steps,
        bootstrap_time_limit=problem.bootstrap_time_limit,
        mesh=problem.mesh,
    )
    return traces["student"]


def learn(
    problem: Problem, state: State, trace: Trace, when: Bool[Array, ""] | bool = True
) -> tuple[Any, dict[str, Float[Array, ""]]]:
    """The learner after one update, or the very same learner if not `when`."""

    axis = None if problem.mesh is None else COLUMNS
    here = lambda *arguments: problem.learner.update(*arguments, axis=axis)  # noqa: E731
    everywhere = over(problem.mesh, here, (WHOLE, TRACE, WHOLE, WHOLE), WHOLE)

    def update(learner: Any) -> tuple[Any, dict[str, Array]]:
        return everywhere(learner, trace, key_for(state, "update"), progress(state, problem))

    if when is True:
        return update(state.learner)
    shapes = jax.eval_shape(update, state.learner)[1]
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return jax.lax.cond(when, update, lambda learner: (learner, zeros), state.learner)


def spend(ledger: Ledger, problem: Problem, trace: Trace, gradient: Bool[Array, ""]) -> Ledger:
    """Enter a rollout: as training if it led to an update, else as scoring."""
    steps = trace.reward.size
    return ledger.add(
        training=jnp.where(gradient, steps, 0),
        scoring=jnp.where(gradient, 0, steps),
        gradient_steps=jnp.where(gradient, problem.learner.gradient_steps, 0),
    )


def score(problem: Problem, name: str, trace: Trace, memory: Memory) -> Scored:
    """Score the levels of a rollout with the student's discount."""
    return SCORES[name](trace, memory, problem.gamma, problem.gae_lambda)


def slice_columns(trace: Trace, start: int, stop: int) -> Trace:
    """Columns [start, stop) of a rollout."""
    return trace.columns(slice(start, stop))


def events(batch: Batch, scored: Scored, inserted: Inserted) -> Events:
    """What one offer of levels changed in the archive."""
    return Events(
        inserted.entered,
        batch.ids,
        batch.parents,
        batch.has_parent,
        batch.generation,
        batch.source,
        scored.score,
        batch.levels,
    )


def record(
    archive: Replay, batch: Batch, scored: Scored, config: ReplayConfig
) -> tuple[Replay, Events]:
    """Write a scored batch into the archive, and say what entered."""
    archive, inserted = segments.record(archive, batch, scored, config)
    return archive, events(batch, scored, inserted)


def rollout_metrics(trace: Trace) -> dict[str, Float[Array, ""]]:
    """How the episodes of a rollout went, each complete episode counting the same."""
    facts = episode_statistics(trace)
    finished = facts.finished.astype(jnp.float32)
    total = jnp.maximum(jnp.sum(finished), 1.0)
    mean = lambda values: jnp.sum(values * finished) / total  # noqa: E731
    return {
        "episodes": jnp.sum(finished),
        "solve_rate": mean(facts.success_rate),
        "return": mean(facts.mean_return),
        "episode_length": mean(facts.mean_length),
    }


def archive_metrics(archive: Replay, config: ReplayConfig) -> dict[str, Float[Array, ""]]:
    """What the archive holds, and what it would replay (weighted by its probabilities)."""
    chance = replay.probabilities(archive, config)
    held = jnp.maximum(archive.count.astype(jnp.float32), 1.0)
    occupied = archive.occupied
    generation = archive.generation.astype(jnp.float32)
    return {
        "archive_fill": replay.fill(archive),
        "archive_score": jnp.sum(jnp.where(occupied, archive.scores, 0.0)) / held,
        "replayed_score": jnp.sum(chance * archive.scores),
        "archive_generation": jnp.sum(jnp.where(occupied, generation, 0.0)) / held,
        "replayed_generation": jnp.sum(chance * generation),
    }
