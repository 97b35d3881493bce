"""REINFORCE: the policy's gradient as it is, with the batch's mean for a baseline.

Williams 1992, "Simple statistical gradient-following algorithms for connectionist reinforcement
learning". The mean is that of all other answers, so that the gradient has no bias.
"""

from dataclasses import dataclass

from cairn.engine.program import Report
from cairn.improve import credit, parts, policy
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(policy.Climb):
    """REINFORCE."""

    baseline: bool = True
    """Whether what the other answers of the batch got is taken off."""

    def __post_init__(self) -> None:
        policy.Climb.__post_init__(self)
        policy.once(self)


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample; credit is the reward against the batch; -A log π, summed over an answer."""
    played = parts.play(problem, config, state)
    reward = played.rollouts.reward
    how = "leave-one-out" if config.baseline else "none"
    given = credit.advantages(reward.reshape(1, -1), how).reshape(reward.shape)
    loss = policy.plain(problem, config, "seq-mean-token-sum")
    return policy.improve(problem, config, state, played, given, loss)


METHOD = method(__doc__, Config, step, shared=True)
