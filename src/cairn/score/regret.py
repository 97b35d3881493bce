"""Estimates of regret from one rollout of the student.

Each is the mean over complete episodes of the mean over their steps of some m_t. A column without
a complete episode is not valid. Jiang et al. 2021, arXiv:2010.03934 and arXiv:2110.02439.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core.returns import gae, one_step_td
from cairn.core.trace import Trace
from cairn.score.episodes import episode_means, episode_statistics
from cairn.score.memory import Memory, Scored, remember


def positive_value_loss(trace: Trace, memory: Memory, gamma: float, lam: float) -> Scored:
    """Positive value loss: m_t = max(Â_t, 0), the critic's disappointment left out."""
    return _average(jnp.maximum(gae(trace, gamma, lam), 0.0), trace, memory)


def l1_value_loss(trace: Trace, memory: Memory, gamma: float, lam: float) -> Scored:
    """L1 value loss: m_t = |Â_t|, how wrong the critic is either way."""
    return _average(jnp.abs(gae(trace, gamma, lam)), trace, memory)


def one_step_td_error(trace: Trace, memory: Memory, gamma: float, lam: float) -> Scored:
    """One-step TD error: m_t = |r_t + γ V_{t+1} - V_t|; λ has no part in it."""
    return _average(jnp.abs(one_step_td(trace, gamma)), trace, memory)


def maxmc(trace: Trace, memory: Memory, gamma: float, lam: float) -> Scored:
    """MaxMC: m_t = R_max - V_t, with the best return ever seen on the level, this time included.

    Undiscounted; can be negative, so it wants rank prioritisation.
    """
    remembered = remember(memory, episode_statistics(trace))
    value, finished = episode_means(trace.value, trace.done)
    valid = finished > 0
    return Scored(jnp.where(valid, remembered.best_return - value, 0.0), valid, remembered)


def _average(metric: Float[Array, "T B"], trace: Trace, memory: Memory) -> Scored:
    score, finished = episode_means(metric, trace.done)
    return Scored(score, finished > 0, remember(memory, episode_statistics(trace)))
