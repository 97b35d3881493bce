"""Dr. GRPO: GRPO done right, without the bias by length and by difficulty.

Liu et al. 2025, arXiv:2503.20783, §3.2: credit is r - μ, not divided by the group's deviation, and
losses are divided by a constant, not by an answer's length. Its gradient is RLOO's by a factor.
"""

from dataclasses import dataclass

from cairn.engine.program import Report
from cairn.improve import credit, parts, policy
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(policy.Clip):
    """Dr. GRPO."""


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample groups; credit r - μ; the clipped loss over how long an answer may be."""
    played = parts.play(problem, config, state)
    given = credit.advantages(played.rollouts.reward, "centred")
    loss = policy.clipped(problem, config, "seq-mean-token-sum-norm")
    return policy.improve(problem, config, state, played, given, loss)


METHOD = method(__doc__, Config, step, shared=True)
