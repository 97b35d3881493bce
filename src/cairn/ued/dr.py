"""Domain randomisation: train on fresh random levels. The baseline everything must beat.

Tobin et al. 2017, arXiv:1703.06907. Each column plays `turns` fresh levels in turn within a
rollout: 1 restarts the same level, as JaxUED and the SFL study do; more come close to minimax,
which draws a new level after every episode.
"""

from dataclasses import dataclass

import jax
from jaxtyping import Array, Key

from cairn.core import checks
from cairn.engine.program import Report, merged
from cairn.ued import parts
from cairn.ued.config import CycleConfig
from cairn.ued.method import method
from cairn.ued.metrics import rollout_metrics
from cairn.ued.parts import Problem, State


@dataclass(frozen=True)
class Config(CycleConfig):
    """Domain randomisation."""

    turns: int = 1
    """Fresh levels per column and rollout; a column goes on with the next when an episode ends."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.at_least(self, 1, "turns")


def init(problem: Problem, config: Config, key: Key[Array, ""]) -> State:
    """A new student; nothing is kept of the levels."""
    return parts.begin(problem, key, archive=None)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Draw levels, play them, learn from all of them."""
    shape = (config.turns, config.batch)
    keys = jax.random.split(parts.key_for(state, "levels"), shape)
    levels = jax.vmap(jax.vmap(problem.env.space.sample))(keys)
    key = parts.key_for(state, "rollout")
    trace = parts.play_turns(problem, state.learner, levels, key, config.steps_per_cycle)
    learner, metrics = parts.learn(problem, state, trace)
    ledger = state.ledger.add(training=trace.reward.size, updates=problem.learner.gradient_steps)
    after = parts.after(state, learner=learner, ledger=ledger)
    return after, merged(Report(metrics), rollout_metrics(trace))


METHOD = method(__doc__, Config, init, step)
