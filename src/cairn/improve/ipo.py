"""IPO: bring the margin between better and worse to 1/(2β), and no further.

Azar et al. 2023, arXiv:2310.12036. The score of an answer is the mean over its tokens, as its
authors' results are of.
"""

from dataclasses import dataclass
from functools import partial

from cairn.core import checks
from cairn.engine.program import Report
from cairn.improve import pair_losses, pairs
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(pairs.Compare):
    """IPO."""

    beta: float = 0.1
    """How dear it is to leave the reference."""

    def __post_init__(self) -> None:
        pairs.Compare.__post_init__(self)
        checks.positive(self, "beta")


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Pairs; (h - 1/(2β))² of means over tokens."""
    loss = partial(pair_losses.ipo, beta=config.beta)
    return pairs.step(problem, config, state, pairs.MEAN, loss)


METHOD = method(__doc__, Config, step)
