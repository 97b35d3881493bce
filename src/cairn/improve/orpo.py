"""ORPO: imitate the better answer, and raise its odds over the worse one; no reference.

Hong et al. 2024, arXiv:2403.07691. Differs: the likelihood is of the answer alone, without the
prompt's (TRL and tunix have both).
"""

from dataclasses import dataclass

from cairn.core import checks
from cairn.engine.program import Report
from cairn.improve import pair_losses, pairs
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(pairs.Compare):
    """ORPO."""

    odds_weight: float = 0.1
    """λ, the weight of the odds ratio."""

    def __post_init__(self) -> None:
        pairs.Compare.__post_init__(self)
        checks.not_negative(self, "odds_weight")


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Pairs; -log π(better) - λ log σ(log odds ratio), of means over tokens."""
    loss = lambda score, _: pair_losses.orpo(score, weight=config.odds_weight)  # noqa: E731
    return pairs.step(problem, config, state, pairs.MEAN, loss)


METHOD = method(__doc__, Config, step)
