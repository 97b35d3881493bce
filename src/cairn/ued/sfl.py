"""Sampling for learnability: train on levels the student sometimes solves.

Rutherford et al. 2024, arXiv:2408.15099. Every `refresh` cycles a large set of new levels is
played for several episodes each; those with the largest learnability p (1 - p) form the buffer.
Every cycle trains on new levels and on uniform draws from the buffer.

Differs from the public code: p (1 - p) is unbiased, levels with fewer than two finished episodes
are not eligible (there they became NaN and sorted as most learnable), the scoring steps are in the
ledger, and the defaults are sized for a CPU.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from cairn.core import branches, checks, trees
from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.core.trace import Trace
from cairn.engine.program import Report, merged
from cairn.envs.protocol import Environment, Level, Space
from cairn.score import STUDENT
from cairn.score.learnability import LEARNABILITY, judged
from cairn.ued import parts
from cairn.ued.config import CycleConfig
from cairn.ued.method import method
from cairn.ued.metrics import rollout_metrics
from cairn.ued.parts import Problem, State


@dataclass(frozen=True)
class Config(CycleConfig):
    """Sampling for learnability. Published for the maze: 25 000 candidates of 2000 steps, keep
    1000, every 100 cycles of 256 columns: 7.6 scoring steps for each training step."""

    refresh: int = 32
    """Cycles between two selections."""
    candidates: int = 512
    """New levels played in one go."""
    candidate_batches: int = 1
    """How many such sets one selection looks at."""
    scoring_steps: int = 512
    """Steps each candidate is played for."""
    keep: int = 128
    """Size of the buffer."""
    selected: int = 16
    """Columns of a batch drawn from the buffer; the others are new levels."""

    curator: ClassVar[str] = "learnability buffer"
    fixed_score: ClassVar[str] = "learnability"

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(
            self, 1, "refresh", "candidates", "candidate_batches", "scoring_steps", "keep"
        )
        if self.keep > self.candidates * self.candidate_batches:
            raise ConfigError(
                f"keep must not exceed candidates x candidate_batches = "
                f"{self.candidates * self.candidate_batches}, got {self.keep}."
            )
        if not 0 <= self.selected <= self.batch:
            raise ConfigError(f"selected must lie in [0, batch={self.batch}], got {self.selected}.")

    def check(self, env: Environment) -> None:
        """Raise ConfigError if a level that is never solved could not be told from the others."""
        if self.scoring_steps < 2 * env.max_steps:
            raise ConfigError(
                f"scoring_steps must hold two episodes of {env.max_steps} steps, got "
                f"{self.scoring_steps}: levels that are not solved would never be judged. Set "
                f"scoring_steps to {2 * env.max_steps}, or the environment's limit to "
                f"{self.scoring_steps // 2}."
            )

    @property
    def widths(self) -> tuple[int, ...]:
        """Training columns and candidates."""
        return self.batch, self.candidates


class Buffer(NamedTuple):
    """The selected levels, best first."""

    levels: Level
    learnability: Float[Array, " keep"]
    eligible: Bool[Array, " keep"]


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student; the first cycle fills the buffer."""
    return parts.begin(problem, key, archive=None, extra=_empty(problem, config, key))


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Now and then select anew; play new and selected levels; learn from all of them."""
    refresh_now = state.cycle % config.refresh == 0
    buffer = branches.when(
        refresh_now, lambda _: select(problem, config, state), lambda old: old, state.extra
    )
    fresh = config.batch - config.selected
    keys = jax.random.split(parts.key_for(state, "levels"), fresh)
    chosen = jax.random.randint(parts.key_for(state, "replay"), (config.selected,), 0, config.keep)
    levels = trees.concatenate(
        [jax.vmap(problem.env.space.sample)(keys), trees.take(buffer.levels, chosen)]
    )
    key = parts.key_for(state, "rollout")
    trace = parts.play(problem, state.learner, levels, key, config.steps_per_cycle)
    learner, metrics = parts.learn(problem, state, trace)
    scoring = config.candidates * config.candidate_batches * config.scoring_steps
    ledger = state.ledger.add(
        training=trace.reward.size,
        scoring=jnp.where(refresh_now, scoring, 0),
        updates=problem.learner.gradient_steps,
    )
    metrics |= {
        "buffer_learnability": jnp.mean(buffer.learnability),
        "buffer_eligible": jnp.mean(buffer.eligible.astype(jnp.float32)),
    }
    after = parts.after(state, learner=learner, ledger=ledger, extra=buffer)
    return after, merged(Report(metrics), rollout_metrics(trace))


def select(problem: Problem, config: Config, state: State) -> Buffer:
    """The `keep` most learnable of many new levels; those that cannot be judged come last."""
    key = parts.key_for(state, "select")

    def look(best: Buffer, number: Array) -> tuple[Buffer, None]:
        levels, trace = candidates(problem, config, state.learner, stream(key, "set", number))
        return the_best(best, Buffer(levels, *learnability(trace))), None

    numbers = jnp.arange(config.candidate_batches, dtype=jnp.int32)
    return jax.lax.scan(look, _empty(problem, config, key), numbers)[0]


def the_best(buffer: Buffer, found: Buffer) -> Buffer:
    """A buffer of the same size with the most learnable of both, those not eligible last."""
    both = trees.concatenate([buffer, found])
    # Eligible scores are at least 0, so -1 puts the others last.
    order = jnp.argsort(-jnp.where(both.eligible, both.learnability, -1.0), stable=True)
    return trees.take(both, order[: buffer.eligible.shape[0]])


def learnability(trace: Trace) -> tuple[Float[Array, " B"], Bool[Array, " B"]]:
    """The learnability of each column, and whether two episodes or more were there to judge by."""
    unknown = LEARNABILITY.unseen(trace.reward.shape[1])
    scored = LEARNABILITY({STUDENT: trace}, unknown, 1.0, 1.0)
    eligible = judged(scored.seen)
    return jnp.where(eligible, scored.score, 0.0), eligible


def candidates(
    problem: Problem, config: Config, learner: object, key: Key[Array, ""]
) -> tuple[Level, Trace]:
    """One set of new levels and how the student fared on them."""
    keys = jax.random.split(stream(key, "levels"), config.candidates)
    levels = jax.vmap(problem.env.space.sample)(keys)
    trace = parts.play(problem, learner, levels, stream(key, "play"), config.scoring_steps)
    return levels, trace


def _empty(problem: Problem, config: Config, key: Key[Array, ""]) -> Buffer:
    return none_yet(problem.env.space, config.keep, key)


def none_yet(space: Space, keep: int, key: Key[Array, ""]) -> Buffer:
    """A buffer in which nothing is eligible."""
    # Levels of the generator, not zeros: should too few candidates be eligible, these are played.
    levels = jax.vmap(space.sample)(jax.random.split(stream(key, "fallback"), keep))
    return Buffer(levels, jnp.zeros(keep, jnp.float32), jnp.zeros(keep, bool))


METHOD = method(__doc__, Config, init, step, constant_cost=False)
