"""Losses of a token or of a pair, to be aggregated by `cairn.improve.aggregate`.

log π is that of the policy that learns, log π_old of the one that sampled, log π_ref of a
reference; ρ = π / π_old. A loss is of every token alike: masks come in with the aggregation.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

LOG_RATIO = 20.0
"""Where a log-ratio is cut, as in verl and TRL: beyond, nothing is to be learned by it."""
KL_CUT = 10.0
"""Where k3 is cut (verl)."""

Tokens = Float[Array, "*batch T"]


class Clipped(NamedTuple):
    """The clipped loss, and which tokens' gradients the clip took away."""

    loss: Tokens
    clipped: Bool[Array, "*batch T"]


def ratio(log_prob: Tokens, old: Tokens) -> Tokens:
    """ρ, its logarithm within ± 20."""
    return jnp.exp(jnp.clip(log_prob - old, -LOG_RATIO, LOG_RATIO))


def reinforce(log_prob: Tokens, credit: Tokens) -> Tokens:
    """-A log π: the exact gradient of expected reward for one update a batch. Williams 1992."""
    return -credit * log_prob


def clipped(
    log_prob: Tokens,
    old: Tokens,
    credit: Tokens,
    *,
    low: float = 0.2,
    high: float = 0.2,
    dual: float | None = None,
) -> Clipped:
    """-min(ρ A, clip(ρ, 1 - low, 1 + high) A). Schulman et al. 2017, arXiv:1707.06347, equation 7;
    two bounds: DAPO (arXiv:2503.14476). With `dual` c never above -c A where A < 0 (Ye et al. 2020,
    arXiv:1912.09729, equation 5; c = 3 in verl).
    """
    rho = ratio(log_prob, old)
    inside = jnp.clip(rho, 1.0 - low, 1.0 + high)
    loss = jnp.maximum(-rho * credit, -inside * credit)
    lost = -inside * credit > -rho * credit
    if dual is not None:
        ceiling = -dual * credit
        lost = lost | ((credit < 0) & (loss > ceiling))
        loss = jnp.where(credit < 0, jnp.minimum(loss, ceiling), loss)
    return Clipped(loss, lost)


def cispo(log_prob: Tokens, old: Tokens, credit: Tokens, *, most: float = 5.0) -> Tokens:
    """-sg(min(ρ, most)) A log π: the weight is cut, no token loses its gradient. MiniMax 2025,
    arXiv:2506.13585; most = 5 in ScaleRL."""
    weight = jax.lax.stop_gradient(jnp.minimum(ratio(log_prob, old), most))
    return -weight * credit * log_prob


def sequence_ratio(log_prob: Tokens, old: Tokens, mask: Bool[Array, "*batch T"]) -> Tokens:
    """log π of tokens shifted so that every token has its answer's mean log-ratio as its own, and
    the gradient of a token goes through the mean. GSPO: Zheng et al. 2025, arXiv:2507.18071."""
    counts = mask.astype(jnp.float32)
    length = jnp.maximum(jnp.sum(counts, axis=-1, keepdims=True), 1.0)
    off = jnp.where(mask, log_prob - old, 0.0)
    return old + jnp.sum(off, axis=-1, keepdims=True) / length


Kl = Literal["k1", "k2", "k3"]


def kl(log_prob: Tokens, reference: Tokens, how: Kl = "k3") -> Tokens:
    """Estimates of KL(π | π_ref) from tokens of π, with d = log π_ref - log π: k1 = -d, k2 = d²/2,
    k3 = e^d - d - 1. As a loss only k2 has the gradient of the KL; k1 has none at all in
    expectation, and is the one to take off a reward. Schulman 2020, joschu.net/blog/kl-approx."""
    d = jnp.clip(reference - log_prob, -LOG_RATIO, LOG_RATIO)
    match how:
        case "k1":
            return -d
        case "k2":
            return 0.5 * d**2
        case "k3":
            return jnp.clip(jnp.exp(d) - d - 1.0, -KL_CUT, KL_CUT)


def value(predicted: Tokens, before: Tokens, returns: Tokens, *, clip: float = 0.2) -> Tokens:
    """½ max((V - R)², (V_clipped - R)²), V no further than `clip` from what it was (PPO)."""
    near = before + jnp.clip(predicted - before, -clip, clip)
    return 0.5 * jnp.maximum((predicted - returns) ** 2, (near - returns) ** 2)
