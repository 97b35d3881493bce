"""How a loss for every token becomes one number: a weight for every token, made once a step.

With mask m, lengths L_i = Σ_t m_it, N sequences that have a token at all, and a limit T on length,
the loss is Σ w·l with

    token-mean                 w = m / Σ m         every token as much (DAPO; TRL, verl)
    seq-mean-token-mean        w = m / (N L_i)     every answer as much, long ones diluted (GRPO)
    seq-mean-token-sum-norm    w = m / (N T)       a constant: no bias by length (Dr. GRPO)
    seq-mean-token-sum         w = m / N           log-probability of an answer (REINFORCE, RLOO)

The weights belong to a whole optimiser step: whoever splits it into pieces splits them too, and
sums. Divisors made piece by piece are another gradient (TRL issue 6024, open-instruct issue 1137).
A loss that is one number an answer, repeated for its tokens, is averaged over answers by
seq-mean-token-mean; by seq-mean-token-sum it is multiplied by the length, which is LUSPO.
"""

from typing import Literal, get_args

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Aggregation = Literal[
    "token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm", "seq-mean-token-sum"
]
"""The ways there are."""
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)


def weights(
    mask: Bool[Array, "*batch T"], how: Aggregation, limit: int
) -> Float[Array, "*batch T"]:
    """The weight of every token's loss. Answers without a single token are no answers.

    `limit` is T of the constant divisor: how long an answer may be. All 0 if nothing counts.
    """
    counts = mask.astype(jnp.float32)
    lengths = jnp.sum(counts, axis=-1, keepdims=True)
    answers = jnp.maximum(jnp.sum((lengths > 0).astype(jnp.float32)), 1.0)
    match how:
        case "token-mean":
            return counts / jnp.maximum(jnp.sum(counts), 1.0)
        case "seq-mean-token-mean":
            return counts / (answers * jnp.maximum(lengths, 1.0))
        case "seq-mean-token-sum-norm":
            return counts / (answers * limit)
        case "seq-mean-token-sum":
            return counts / answers
