"""DAPO: decoupled clip and dynamic sampling, every token as much as any other.

Yu et al. 2025, arXiv:2503.14476: prompts whose answers are all as good are replaced by new ones, so
that every group teaches something; what they cost is counted. The upper clip is wider, the mean is
over tokens, and answers near the limit of length are punished softly.
"""

from dataclasses import dataclass

import equinox as eqx

from cairn.core import checks
from cairn.engine.program import Report, merged
from cairn.improve import credit, policy, refill, shaping
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(policy.Clip):
    """DAPO."""

    clip_high: float = 0.28
    """How far above 1 a ratio still has a gradient."""
    refills: int = 4
    """How many batches of prompts may be sampled for one, at most; 1: no dynamic sampling."""
    overlong: int = 0
    """Tokens before the limit over which the punishment grows from 0 to -1; 0: none."""

    def __post_init__(self) -> None:
        policy.Clip.__post_init__(self)
        checks.at_least(self, 1, "refills")
        checks.at_least(self, 0, "overlong")


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Sample until every group is of unequal answers; credit (r - μ) / σ; a mean over tokens."""
    played, report = refill.play(problem, config, state, config.refills)
    rollouts = played.rollouts
    if config.overlong:
        punished = rollouts.reward + shaping.overlong(
            rollouts.length.astype("int32"), problem.task.answer_length, config.overlong
        )
        played = eqx.tree_at(lambda p: p.rollouts.reward, played, punished)
    given = credit.advantages(played.rollouts.reward, "standardised")
    loss = policy.clipped(problem, config, "token-mean")
    state, told = policy.improve(problem, config, state, played, given, loss)
    return state, merged(told, Report(report))


METHOD = method(__doc__, Config, step, shared=True)
