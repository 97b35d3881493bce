"""The verdict where a problem has one answer only."""

import jax.numpy as jnp
from jaxtyping import Array, Int

from cairn.envs.tokens import layout
from cairn.envs.tokens.protocol import Verdict


def exact(answer: Int[Array, " N"], tokens: Int[Array, " T"], length: Int[Array, ""]) -> Verdict:
    """Whether the tokens are the answer, which ends with EOS; each is a step."""
    time = jnp.arange(tokens.shape[0], dtype=jnp.int32)
    wanted = jnp.pad(answer, (0, 1))[jnp.minimum(time, answer.shape[0])]
    inside = time < length
    right = layout.until((tokens != wanted) & inside)
    correct = right.all() & layout.ended(tokens, length)
    return Verdict(
        quality=correct.astype(jnp.float32),
        correct=correct,
        canonical=layout.digest(tokens, inside),
        step=time,
        right=right,
    )
