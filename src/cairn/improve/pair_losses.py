"""Losses of pairs (i better, j worse) within a group, for all pairs at once.

s_i = Σ_t log π of answer i, s̄_i the mean instead of the sum, both (P, G); h_ij = (s_i - s_ref,i) -
(s_j - s_ref,j). Pairs are weighted by `select.pairs`, the losses here are (P, G, G).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Answers = Float[Array, "P G"]
Pairs = Float[Array, "P G G"]

_SWITCH = -0.6931472
"""-ln 2: where log(1 - e^x) changes its form, so that neither rounds to nothing."""


def total(log_prob: Float[Array, "P G T"], mask: Bool[Array, "P G T"]) -> Answers:
    """s: the log-probability of every answer, end and all."""
    return jnp.sum(jnp.where(mask, log_prob, 0.0), axis=-1)


def mean(log_prob: Float[Array, "P G T"], mask: Bool[Array, "P G T"]) -> Answers:
    """s̄: that of its tokens on average."""
    length = jnp.sum(mask.astype(jnp.float32), axis=-1)
    return total(log_prob, mask) / jnp.maximum(length, 1.0)


def _against(better: Answers, worse: Answers) -> Pairs:
    return better[:, :, None] - worse[:, None, :]


def dpo(score: Answers, reference: Answers, *, beta: float = 0.1, smoothing: float = 0.0) -> Pairs:
    """-(1 - e) log σ(β h) - e log σ(-β h). Rafailov et al. 2023, arXiv:2305.18290, equation 7; e is
    the share of labels thought wrong (conservative DPO)."""
    h = beta * _against(score - reference, score - reference)
    return -(1 - smoothing) * jax.nn.log_sigmoid(h) - smoothing * jax.nn.log_sigmoid(-h)


def ipo(score: Answers, reference: Answers, *, beta: float = 0.1) -> Pairs:
    """(h - 1/(2β))², of means over tokens: the form that the authors' results are of, as TRL says.
    Azar et al. 2023, arXiv:2310.12036, equation 17."""
    return (_against(score - reference, score - reference) - 1.0 / (2.0 * beta)) ** 2


def odds(score: Answers) -> Pairs:
    """z = (a - b) - (log(1 - e^a) - log(1 - e^b)): the log of the odds ratio of mean
    log-probabilities a and b. Of ORPO: Hong et al. 2024, arXiv:2403.07691, equation 7."""
    # A log-probability of 0 has odds without end: nobody is surer than this.
    sure = jnp.minimum(score, -1e-6)
    log_odds = sure - log1mexp(sure)
    return _against(log_odds, log_odds)


def orpo(score: Answers, *, weight: float = 0.1) -> Pairs:
    """-a - λ log σ(z): the better one's negative log-likelihood, and the odds against the worse."""
    return -score[:, :, None] - weight * jax.nn.log_sigmoid(odds(score))


def log1mexp(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log(1 - e^x) for x < 0, without loss near 0 and far from it. Mächler 2012."""
    near = x > _SWITCH
    # Each form is only ever asked where it is good: a gradient through the other would be NaN.
    small = jnp.where(near, x, -1.0)
    large = jnp.where(near, -1.0, x)
    return jnp.where(near, jnp.log(-jnp.expm1(small)), jnp.log1p(-jnp.exp(large)))


def copg(
    score: Answers, reference: Answers, reward: Answers, *, beta: float = 0.1
) -> Float[Array, ""]:
    """½ (R_i - R_j)² with R = r - β (s - s_ref), over all pairs of a group, mean over groups.

    Its least is π ∝ π_ref e^(r/β), whoever sampled the answers. Flet-Berliac et al. 2024,
    arXiv:2406.19185. The gradient is 2β times that of -mean_i `copg_credit`_i s_i.
    """
    regularised, there = _regularised(score, reference, reward, beta)
    gap = _against(regularised, regularised)
    both = there[:, :, None] & there[:, None, :] & ~jnp.eye(score.shape[1], dtype=bool)[None]
    counts = both.astype(jnp.float32)
    squares = jnp.sum(jnp.where(both, 0.5 * gap**2, 0.0), axis=(1, 2))
    return jnp.mean(squares / jnp.maximum(jnp.sum(counts, axis=(1, 2)), 1.0))


def copg_credit(
    score: Answers, reference: Answers, reward: Answers, *, beta: float = 0.1
) -> Answers:
    """sg(R_i - mean of the other R): RLOO's credit of the regularised reward, without a ratio.

    -mean_i credit_i s_i then has the gradient of `copg`, but for the factor 2β.
    """
    regularised, there = _regularised(score, reference, reward, beta)
    known = jnp.where(there, jax.lax.stop_gradient(regularised), 0.0)
    count = jnp.sum(there.astype(jnp.float32), axis=1, keepdims=True)
    centre = jnp.sum(known, axis=1, keepdims=True) / jnp.maximum(count, 1.0)
    return jnp.where(there, (known - centre) * count / jnp.maximum(count - 1.0, 1.0), 0.0)


def _regularised(
    score: Answers, reference: Answers, reward: Answers, beta: float
) -> tuple[Answers, Bool[Array, "P G"]]:
    there = ~jnp.isnan(reward)
    return jnp.where(there, reward, 0.0) - beta * (score - reference), there


def bradley_terry(reward: Answers) -> Pairs:
    """-log σ(r_i - r_j): a reward model's loss on the pair. Bradley & Terry 1952."""
    return -jax.nn.log_sigmoid(_against(reward, reward))
