"""Every score by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cairn.core.trace import Trace
from cairn.score.learnability import learnability
from cairn.score.memory import Memory, Scored
from cairn.score.regret import l1_value_loss, maxmc, one_step_td_error, positive_value_loss

ScoreFn = Callable[[Trace, Memory, float, float], Scored]
"""(trace, memory, γ, λ) -> score. The first line of its docstring describes it."""

SCORES: Mapping[str, ScoreFn] = MappingProxyType(
    {
        "positive-value-loss": positive_value_loss,
        "l1-value-loss": l1_value_loss,
        "one-step-td": one_step_td_error,
        "maxmc": maxmc,
        "learnability": learnability,
    }
)


def describe(name: str) -> str:
    """One line about the score called `name`."""
    return (SCORES[name].__doc__ or "").split("\n", 1)[0]
