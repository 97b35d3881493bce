"""RLOO: REINFORCE whose baseline is what the other answers to the same prompt got.

Ahmadian et al. 2024, arXiv:2402.14740, equation 8; Kool et al. 2019.
"""

from dataclasses import dataclass

from cairn.engine.program import Report
from cairn.improve import credit, pairs, policy
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(policy.Climb, pairs.Behave):
    """RLOO. Offline its gradient is that of other answers than its own, and nothing corrects it."""

    def __post_init__(self) -> None:
        pairs.Behave.__post_init__(self)
        policy.once(self)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample groups; credit r - mean of the others; -A log π, summed over an answer."""
    played = pairs.play(problem, config, state)
    given = credit.advantages(played.rollouts.reward, "leave-one-out")
    loss = policy.plain(problem, config, "seq-mean-token-sum")
    state, report = policy.improve(problem, config, state, played, given, loss)
    if config.behaviour == "current":
        return state, report
    # Answers are another's on purpose: what would be a mistake online is told by another name.
    metrics = {"off_policy" if name == "mismatch" else name: value
               for name, value in report.metrics.items()}  # fmt: skip
    return state, report._replace(metrics=metrics)


METHOD = method(__doc__, Config, step, shared=True)
