"""Robust PLR (PLR⊥): the student learns only from replayed levels.

Jiang et al. 2021, arXiv:2110.02439. As `plr`, but new levels are played and scored without a
gradient step, so that at equilibrium the student's training levels are those of a minimax-regret
teacher. On a cycle of new levels the learner's state is returned as it came, bit for bit: even a
zero gradient would move Adam.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.engine.program import Report, counted, merged
from cairn.ued import parts
from cairn.ued.config import CurationConfig
from cairn.ued.method import method
from cairn.ued.metrics import archive_metrics, rollout_metrics
from cairn.ued.parts import Problem, State


@dataclass(frozen=True)
class Config(CurationConfig):
    """Robust prioritised level replay."""


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student and an empty archive."""
    return parts.begin(problem, key, config)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Toss the coin, play new or replayed levels, learn if replayed, write the scores back."""
    replay_now = parts.replay_coin(state, config)
    archive, batch = parts.curate(problem, config, state, replay_now)
    key = parts.key_for(state, "rollout")
    trace = parts.play(problem, state.learner, batch.levels, key, config.steps_per_cycle)
    learner, metrics = parts.learn(problem, state, trace, when=replay_now)
    scored = parts.score(problem, config, trace, batch)
    archive, entered = parts.record(archive, batch, scored, config)
    ledger = parts.spend(state.ledger, problem, trace, gradient=replay_now)
    after = parts.after(state, learner=learner, archive=archive, ledger=ledger)
    return after, merged(
        Report({"replayed": replay_now.astype(jnp.float32)}, (entered,)),
        counted(metrics, replay_now),
        rollout_metrics(trace),
        archive_metrics(archive, config),
    )


METHOD = method(__doc__, Config, init, step)
