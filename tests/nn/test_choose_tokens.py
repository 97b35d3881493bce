"""The next token: which may come, which does, and how likely it was."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.nn.language.choose import BLOCK, choose

# One row a case, so that one program serves all: temperature, top-k, top-p.
CASES = [
    (1.0, 0, 1.0), (0.5, 0, 1.0), (2.0, 3, 1.0), (1.0, 0, 0.6), (1.3, 4, 0.7), (0.0, 0, 1.0),
    (1.0, 1, 1.0), (1.0, 0, 1e-9), (1.0, 99, 0.999999),
]  # fmt: skip
LOGITS = np.array([0.5, -1.0, 2.0, 2.0, 0.0, -3.0, 1.0, 1.9], np.float32)
DRAWS = (np.arange(64) + 0.5) / 64


def oracle(logits, temperature, top_k, top_p):
    """The distribution that is drawn from, by sorting and summing in double precision."""
    logits = logits.astype(np.float64)
    if temperature == 0:
        return (np.arange(len(logits)) == np.argmax(logits)).astype(float)
    chances = np.exp(logits / temperature)
    if top_k:
        chances[chances < np.sort(chances)[::-1][min(top_k, len(chances)) - 1]] = 0
    chances /= chances.sum()
    if top_p < 1:
        ranked = np.sort(chances)[::-1]
        last = ranked[np.flatnonzero(np.cumsum(ranked) - ranked < top_p)[-1]]
        chances[chances < last] = 0
    return chances / chances.sum()


@pytest.fixture(scope="module")
def chosen():
    """Every case with every draw, (cases, draws)."""
    shape = (len(CASES), len(DRAWS))
    settings = [jnp.broadcast_to(jnp.array(c)[:, None], shape) for c in zip(*CASES, strict=True)]

    @jax.jit
    def all_at_once(uniform):
        logits = jnp.broadcast_to(jnp.asarray(LOGITS), (*shape, len(LOGITS)))
        return choose(
            logits, uniform, temperature=settings[0], top_k=settings[1], top_p=settings[2]
        )

    uniform = jnp.broadcast_to(jnp.asarray(DRAWS, jnp.float32), shape)
    return jax.tree.map(np.asarray, all_at_once(uniform))


@pytest.mark.parametrize("case", range(len(CASES)))
def test_tokens_come_as_often_as_the_distribution_says(chosen, case):
    chances = oracle(LOGITS, *CASES[case])
    expected = [int(np.argmax(np.cumsum(chances) > draw)) for draw in DRAWS]
    assert chosen.token[case].tolist() == expected


@pytest.mark.parametrize("case", range(len(CASES)))
def test_log_probabilities_are_of_what_was_drawn_from_and_of_the_model(chosen, case):
    tokens = chosen.token[case]
    np.testing.assert_allclose(
        chosen.logp[case], np.log(oracle(LOGITS, *CASES[case])[tokens]), atol=1e-6
    )
    model = LOGITS - np.log(np.exp(LOGITS.astype(np.float64)).sum())
    np.testing.assert_allclose(chosen.logp_model[case], model[tokens], atol=1e-6)


def test_a_large_vocabulary_is_gone_through_by_blocks():
    size = 2 * BLOCK + 30
    logits = np.random.default_rng(0).normal(size=size).astype(np.float32)
    logits[BLOCK : 2 * BLOCK] = -200.0  # a whole block of nothing
    uniform = np.append(np.linspace(0, 1, 40, endpoint=False), 1 - 2.0**-23).astype(np.float32)
    found = jax.jit(choose)(jnp.tile(jnp.asarray(logits), (41, 1)), jnp.asarray(uniform))
    sums = np.cumsum(oracle(logits, 1.0, 0, 1.0))
    assert found.token.tolist() == [int(np.argmax(sums > draw * sums[-1])) for draw in uniform]
