"""Prioritised level replay: come back to the levels with the most left to learn.

Jiang et al. 2021, arXiv:2010.03934. A coin decides each cycle: new levels, which are scored and
offered to the archive, or levels drawn from it, whose scores are renewed. The student learns from
both.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.engine.program import Report, merged
from cairn.ued import parts
from cairn.ued.config import CurationConfig
from cairn.ued.method import method
from cairn.ued.metrics import archive_metrics, rollout_metrics
from cairn.ued.parts import Problem, State


@dataclass(frozen=True)
class Config(CurationConfig):
    """Prioritised level replay."""


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student and an empty archive."""
    return parts.begin(problem, key, config)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Toss the coin, play new or replayed levels, learn, write the scores back."""
    replay_now = parts.replay_coin(state, config)
    archive, batch = parts.curate(problem, config, state, replay_now)
    key = parts.key_for(state, "rollout")
    trace = parts.play(problem, state.learner, batch.levels, key, config.steps_per_cycle)
    learner, metrics = parts.learn(problem, state, trace)
    scored = parts.score(problem, config, trace, batch)
    archive, entered = parts.record(archive, batch, scored, config)
    ledger = state.ledger.add(training=trace.reward.size, updates=problem.learner.gradient_steps)
    after = parts.after(state, learner=learner, archive=archive, ledger=ledger)
    return after, merged(
        Report(metrics | {"replayed": replay_now.astype(jnp.float32)}, (entered,)),
        rollout_metrics(trace),
        archive_metrics(archive, config),
    )


METHOD = method(__doc__, Config, init, step)
