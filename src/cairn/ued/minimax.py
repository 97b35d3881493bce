"""Minimax adversary: a teacher designs levels and is paid what the student fails to get.

The negative control of Dennis et al. 2020, arXiv:2012.02096: pure worst-case training. A level that
nobody can solve pays best, so the teacher learns to make those, and the student learns nothing more
from them.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.engine.design import TEACHER
from cairn.engine.program import Report, merged
from cairn.score.paired import NegativeReturn, Which
from cairn.ued import roles, taught
from cairn.ued.method import crowded, method
from cairn.ued.parts import State
from cairn.ued.roles import Problems


@dataclass(frozen=True)
class Config(taught.TaughtConfig):
    """Minimax adversary."""

    against: Which = "mean"
    """Which of the student's returns on a level the teacher loses: their mean (minimax), or the
    best of them (DCD), so that a level solved once pays no better than one solved always."""

    fixed_score: ClassVar[str] = "negative-return"


def init(problems: Problems, config: Config, key: Key[Array, ""]) -> State:
    """A new student and a new teacher."""
    return roles.begin(problems, key, config.counts)


def step(problems: Problems, config: Config, state: State) -> tuple[State, Report]:
    """The teacher designs levels; the student plays them; the teacher is paid its failure."""
    levels, design = roles.design(problems, state, config.batch)
    traces = roles.play(problems, state, config.players, levels, config.steps_per_cycle)
    failure = taught.worth(problems, NegativeReturn(config.against), traces)
    traces[TEACHER] = roles.paid_last(design, failure)
    learner, learned = roles.learn(problems, state, traces)
    paid = Report({"negative_return": jnp.mean(failure)})
    after = taught.after(problems, state, traces, learner)
    return after, merged(paid, *roles.reports(traces, learned))


METHOD = method(__doc__, Config, init, step, roles=taught.acting, adapts=crowded)
