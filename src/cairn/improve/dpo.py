"""DPO: raise the odds of the better of two answers, against a reference.

Rafailov et al. 2023, arXiv:2305.18290. The score of an answer is the sum of its tokens'
log-probabilities. Online (`--behaviour current`) pairs are of the model as it is: Guo et al. 2024,
arXiv:2402.04792.
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
    """DPO."""

    beta: float = 0.1
    """How dear it is to leave the reference."""
    smoothing: float = 0.0
    """Share of comparisons thought wrong (conservative DPO)."""

    def __post_init__(self) -> None:
        pairs.Compare.__post_init__(self)
        checks.positive(self, "beta")
        checks.between(self, 0, 0.5, "smoothing")


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Pairs; -log σ(β h) of sums over tokens."""
    loss = partial(pair_losses.dpo, beta=config.beta, smoothing=config.smoothing)
    return pairs.step(problem, config, state, pairs.SUM, loss)


METHOD = method(__doc__, Config, step)
