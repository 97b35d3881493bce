"""Generalised advantage estimation."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cairn.core.trace import Trace

Number = float | Float[Array, ""]
"""A setting: a plain number, or an argument of a program that runs with different ones share."""


def one_step_td(trace: Trace, gamma: Number) -> Float[Array, "T B"]:
    """δ_t = r_t + γ V_{t+1} - V_t, where V_{t+1} is 0 after termination.

    After truncation V_{t+1} is `final_value`: the value of the state the episode was cut at.
    """
    following = jnp.concatenate([trace.value[1:], trace.last_value[None]])
    following = jnp.where(trace.done, trace.final_value, following)
    following = jnp.where(trace.terminated, 0.0, following)
    return trace.reward + gamma * following - trace.value


def gae(trace: Trace, gamma: Number, lam: Number) -> Float[Array, "T B"]:
    """Â_t = δ_t + γ λ (1 - done_t) Â_{t+1}. Schulman et al. 2015, arXiv:1506.02438, eq. 16."""
    delta = one_step_td(trace, gamma)
    decay = gamma * lam * (1.0 - trace.done.astype(jnp.float32))

    def backward(following: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        advantage = now[0] + now[1] * following
        return advantage, advantage

    _, advantage = jax.lax.scan(
        backward, jnp.zeros_like(delta[0]), (delta, decay), reverse=True, unroll=8
    )
    return advantage
