"""RAFT: imitate the best of every group, from where the model stands.

Dong et al. 2023, arXiv:2304.06767. A group in which nothing has a reward teaches nothing.
"""

from dataclasses import dataclass

import jax.numpy as jnp

from cairn.engine.program import Report, merged
from cairn.improve import cloning, learning, parts, select
from cairn.improve.config import Config as Shared
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(Shared):
    """RAFT."""


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample groups; keep the best of each; -log π of its tokens."""
    played = parts.play(problem, config, state)
    reward = played.rollouts.reward
    worth = select.above_least(reward) if config.modelled else reward > 0.0
    chosen = (select.best(reward) & worth).astype(jnp.float32)
    batch = played.rollouts, chosen
    state, told = learning.improve(
        problem, config, state, played, batch, cloning.cross_entropy,
        held=cloning.held(batch),
    )  # fmt: skip
    return state, merged(told, Report({"kept": jnp.mean(jnp.sum(chosen, axis=1))}))


METHOD = method(__doc__, Config, step)
