"""Learnability: levels solved sometimes. Rutherford et al. 2024, arXiv:2408.15099."""

import jax.numpy as jnp

from cairn.core.trace import Trace
from cairn.score.episodes import episode_statistics
from cairn.score.memory import Memory, Scored, remember


def learnability(trace: Trace, memory: Memory, gamma: float, lam: float) -> Scored:
    """Learnability: p (1 - p) of the success rate p, unbiased; valid from two episodes on.

    With k complete episodes the plug-in p̂ (1 - p̂) is (1 - 1/k) p (1 - p) on average, so levels
    of long episodes would look worse. Here k/(k-1) p̂ (1 - p̂). γ and λ have no part in it.
    """
    episodes = episode_statistics(trace)
    valid = episodes.finished >= 2
    k = jnp.maximum(episodes.finished, 2).astype(jnp.float32)
    p = episodes.success_rate
    score = jnp.where(valid, k / (k - 1.0) * p * (1.0 - p), 0.0)
    return Scored(score, valid, remember(memory, episodes))
