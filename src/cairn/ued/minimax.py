"""Minimax adversary: a teacher designs levels and is paid what the student fails to get.

The negative control of Dennis et al. 2020, arXiv:2012.02096: pure worst-case training. A level that
nobody can solve pays best, so the teacher learns to make those, and the student learns nothing more
from them.
"""

from dataclasses import dataclass
from typing import ClassVar

from cairn.engine.program import Report
from cairn.score.paired import NegativeReturn, Which
from cairn.ued import taught
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


def step(problems: Problems, config: Config, state: State) -> tuple[State, Report]:
    """The teacher designs levels; the student plays them; the teacher is paid its failure."""
    return taught.cycle(problems, config, state, NegativeReturn(config.against), "negative_return")


METHOD = method(__doc__, Config, taught.begin, step, roles=taught.acting, adapts=crowded)
