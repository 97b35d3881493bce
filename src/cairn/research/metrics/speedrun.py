"""The fraction of a speed-up that an agent recovered, as the LLM speedrunning benchmark has it.

Zhao et al. 2025, arXiv:2506.22419: FSR_i = (t_i - t_agent) / (t_i - t_{i+1}) between record i, from
which the agent began, and the next. It is 0 without a valid faster run, may exceed 1, and is
undefined where the next "record" is not faster on this machine (records 6 and 7 of theirs).
"""

import math
import statistics
from collections.abc import Sequence

from cairn.core.errors import ConfigError


def recovered(before: float, after: float, agent: float | None) -> float | None:
    """FSR of one task; None where it is undefined.

    Args:
        before: what record i took (seconds, or operations).
        after: what record i + 1 took.
        agent: the agent's best *valid* run; None if there was none.
    """
    if not (math.isfinite(before) and math.isfinite(after) and before > 0 and after > 0):
        raise ConfigError(f"records must be finite and above 0, got {before} and {after}.")
    if after >= before:
        return None
    if agent is None or not math.isfinite(agent) or agent >= before:
        return 0.0
    return (before - agent) / (before - after)


def mean_recovered(fractions: Sequence[float | None]) -> float | None:
    """The mean over tasks where FSR is defined; None if there is none. (The interquartile mean is
    `cairn.core.stats.interquartile_mean`.)"""
    defined = [value for value in fractions if value is not None]
    return statistics.fmean(defined) if defined else None
