"""What the methods of this wing are made of: problem, state, and the phases of a cycle."""

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.archive import replay
from cairn.archive.replay import Inserted, Replay, ReplayConfig, warm
from cairn.core import checks
from cairn.core.axes import COLUMNS
from cairn.core.branches import when as branch
from cairn.core.branches import zeros
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.ledger import SPENT, Ledger
from cairn.core.trace import Trace
from cairn.engine.devices import WHOLE, over
from cairn.engine.program import Events, Report
from cairn.engine.rollout import rollout
from cairn.engine.tracing import TRACE
from cairn.envs.protocol import Environment, Level
from cairn.learners.protocol import Actor, Learner
from cairn.sampler import segments
from cairn.sampler.segments import Batch
from cairn.score import STUDENT, Score, Scored, episode_statistics
from cairn.score import catalogue as scores

COUNTS = ("training", "scoring", "mutation", "evaluation", "updates")
"""What the methods with one student count."""


@dataclass(frozen=True)
class CycleConfig:
    """What every method needs to know about a cycle."""

    batch: int = 32
    """B, levels played side by side in one segment."""
    steps_per_cycle: int = 256
    """T, environment steps of each column in one rollout."""

    counts: ClassVar[tuple[str, ...]] = COUNTS
    """What the ledger counts. The budget is on those of `cairn.core.ledger.SPENT`."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "batch", "steps_per_cycle")

    def check(self, env: Environment) -> None:
        """Raise ConfigError if the method cannot work on `env`."""

    def least(self, env: Environment) -> int:
        """Environment steps of a cycle, or of the cheapest where they differ."""
        return self.batch * self.steps_per_cycle

    @property
    def widths(self) -> tuple[int, ...]:
        """Columns of the rollouts of this method, or divisors of them."""
        return (self.batch,)


@dataclass(frozen=True)
class CurationConfig(CycleConfig, ReplayConfig):
    """What every method with a replay archive needs to know."""

    score: str = "maxmc"
    """How much there is to learn from a level: a name (`cairn list` describes them), or your own
    as package.module:Name."""
    replay_probability: float = 0.8
    """Chance of a cycle to replay, once the archive is warm. JaxUED 0.8, minimax and DCD 0.5."""

    roles: ClassVar[tuple[str, ...]] = (STUDENT,)
    """Who plays the levels that are scored."""

    def __post_init__(self) -> None:
        CycleConfig.__post_init__(self)
        ReplayConfig.__post_init__(self)
        checks.share(self, "replay_probability")
        lacking = [role for role in self.scoring.roles if role not in self.roles]
        if lacking:
            raise ConfigError(
                f"score {self.score!r} compares {' and '.join(self.scoring.roles)}, but here only "
                f"the {' and '.join(self.roles)} plays. Choose another score, or a method that has "
                f"the {' and '.join(lacking)} too."
            )

    @property
    def scoring(self) -> Score:
        """The score called `score`."""
        return scores.find(self.score)

    def check(self, env: Environment) -> None:
        """Episodes must end within a cycle."""
        check_episodes_end(self, env)


def check_episodes_end(config: CycleConfig, env: Environment) -> None:
    """Raise ConfigError unless episodes end within a cycle: what is cut off cannot be scored, so
    that unsolved levels, whose episodes are the longest, would never count."""
    if env.max_steps > config.steps_per_cycle:
        raise ConfigError(
            f"steps_per_cycle must be at least the time limit of {env.max_steps} steps, got "
            f"{config.steps_per_cycle}: an episode that a cycle cuts off cannot be scored. Set "
            f"steps_per_cycle to {env.max_steps}, or the environment's limit to "
            f"{config.steps_per_cycle}."
        )


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
    problem: Problem, key: Key[Array, ""], archive: CurationConfig | None, extra: PyTree = None
) -> State:
    """The state before the first cycle."""
    key_of = lambda name: stream(key, name)  # noqa: E731
    example = jax.eval_shape(problem.env.space.sample, key)
    level = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), example)
    return State(
        key=key,
        cycle=jnp.int32(0),
        learner=problem.learner.init(key_of("learner")),
        archive=None if archive is None else replay.empty(level, archive.scoring.unseen(), archive),
        ledger=Ledger.zero(COUNTS),
        extra=extra,
    )


def after(state: State, **changes: Any) -> State:
    """The state one cycle on, with what has changed."""
    return dataclasses.replace(state, cycle=state.cycle + 1, **changes)


def key_for(state: State, name: str) -> Key[Array, ""]:
    """This cycle's key for one purpose."""
    return stream(state.key, name, state.cycle)


def progress(state: State, problem: Problem) -> Float[Array, ""]:
    """How much of the run is behind, in [0, 1], by the environment steps spent."""
    spent = state.ledger.spent(budget(state.ledger.counts))
    return jnp.minimum(spent / float(problem.steps), 1.0)


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
) -> tuple[Replay, Batch]:
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
    key, behind = key_for(state, "update"), progress(state, problem)
    return improve(problem, state.learner, trace, key, behind, when)


def improve(
    problem: Problem,
    learner: Any,
    trace: Trace,
    key: Key[Array, ""],
    behind: Float[Array, ""],
    when: Bool[Array, ""] | bool = True,
) -> tuple[Any, dict[str, Float[Array, ""]]]:
    """See `learn`. `behind` in [0, 1] is how much of the run is."""
    axis = None if problem.mesh is None else COLUMNS
    here = lambda *arguments: problem.learner.update(*arguments, axis=axis)  # noqa: E731
    everywhere = over(problem.mesh, here, (WHOLE, TRACE, WHOLE, WHOLE), WHOLE)

    def update(learner: Any) -> tuple[Any, dict[str, Array]]:
        return everywhere(learner, trace, key, behind)

    if when is True:
        return update(learner)
    nothing = zeros(lambda learner: update(learner)[1], learner)
    assert when is not False
    return branch(when, update, lambda learner: (learner, nothing), learner)


def spend(ledger: Ledger, problem: Problem, trace: Trace, gradient: Bool[Array, ""]) -> Ledger:
    """Enter a rollout: as training if it led to an update, else as scoring."""
    steps = trace.reward.size
    return ledger.add(
        training=jnp.where(gradient, steps, 0),
        scoring=jnp.where(gradient, 0, steps),
        updates=jnp.where(gradient, problem.learner.gradient_steps, 0),
    )


def score(problem: Problem, config: CurationConfig, trace: Trace, memory: PyTree) -> Scored:
    """Score the levels of the student's rollout with its discount."""
    return config.scoring({STUDENT: trace}, memory, problem.gamma, problem.gae_lambda)


def slice_columns(trace: Trace, start: int, stop: int) -> Trace:
    """Columns [start, stop) of a rollout."""
    return trace.columns(slice(start, stop))


def events(batch: Batch, scored: Scored, inserted: Inserted) -> Events:
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
    archive: Replay, batch: Batch, scored: Scored, config: CurationConfig
) -> tuple[Replay, Events]:
    """Write a scored batch into the archive, and say what entered."""
    archive, inserted = segments.record(archive, batch, scored, config, config.scoring)
    return archive, events(batch, scored, inserted)


def report(*reports: Report) -> Report:
    """Several reports as one."""
    metrics, weights = {}, {}
    for part in reports:
        metrics |= part.metrics
        weights |= part.weights
    return Report(metrics, sum((part.events for part in reports), ()), weights)


def counted(metrics: Mapping[str, Float[Array, ""]], when: Bool[Array, ""]) -> Report:
    """Metrics that exist only `when`: otherwise they have no weight in a mean over cycles."""
    return Report(dict(metrics), (), dict.fromkeys(metrics, when.astype(jnp.float32)))


def rollout_metrics(trace: Trace) -> Report:
    """How the episodes of a rollout went, each complete episode counting the same."""
    facts = episode_statistics(trace)
    finished = facts.finished.astype(jnp.float32)
    episodes = jnp.sum(finished)
    mean = lambda values: jnp.sum(values * finished) / jnp.maximum(episodes, 1.0)  # noqa: E731
    means = {
        "solve_rate": mean(facts.success_rate),
        "return": mean(facts.mean_return),
        "episode_length": mean(facts.mean_length),
    }
    return report(Report({"episodes": episodes}), counted(means, episodes > 0))


def archive_metrics(archive: Replay, config: ReplayConfig) -> Report:
    """What the archive holds, and what it would replay (weighted by its probabilities)."""
    chance = replay.probabilities(archive, config)
    held = jnp.maximum(archive.count.astype(jnp.float32), 1.0)
    occupied = archive.occupied
    generation = archive.generation.astype(jnp.float32)
    means = {
        "archive_score": jnp.sum(jnp.where(occupied, archive.scores, 0.0)) / held,
        "replayed_score": jnp.sum(chance * archive.scores),
        "archive_generation": jnp.sum(jnp.where(occupied, generation, 0.0)) / held,
        "replayed_generation": jnp.sum(chance * generation),
    }
    filled = Report({"archive_fill": replay.fill(archive)})
    return report(filled, counted(means, archive.count > 0))
