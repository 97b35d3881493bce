"""GRPO: answers of a group against each other, in units of the group's deviation.

Shao et al. 2024, arXiv:2402.03300, equations 3 and 4: every answer weighs as much, so a token of a
long one weighs less, and groups of little spread weigh more (Dr. GRPO does away with both).
"""

from dataclasses import dataclass

from cairn.engine.program import Report
from cairn.improve import credit, parts, policy
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(policy.Clip):
    """GRPO."""


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample groups; credit (r - μ) / σ; the clipped loss, as a mean of means of answers."""
    played = parts.play(problem, config, state)
    given = credit.advantages(played.rollouts.reward, "standardised")
    loss = policy.clipped(problem, config, "seq-mean-token-mean")
    return policy.improve(problem, config, state, played, given, loss)


METHOD = method(__doc__, Config, step, shared=True)
