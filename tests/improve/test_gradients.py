"""A gradient by pieces is that of the whole batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.tokens.addition import Addition
from cairn.improve import cloning, gradients, policy, vocabulary
from cairn.improve.parts import Problem, Student
from cairn.nn.language.block import Shape
from cairn.nn.language.transformer import Transformer

P, TP, G, T = 5, 3, 2, 4
SHAPE = Shape(vocabulary=9, width=8, layers=1, heads=2, kv_heads=1, head_width=4, inner=8)


@pytest.fixture(scope="module")
def batch():
    """Answers of different lengths and weights, so that a piece's own divisors would be others."""
    rng = np.random.default_rng(0)
    prompt, tok = (
        jnp.asarray(rng.integers(0, 9, size), jnp.int32) for size in ((P, TP), (P, G, T))
    )
    lengths = rng.integers(0, T + 1, (P, G, 1))
    mask = jnp.asarray(np.arange(T) < lengths, jnp.float32)
    old = jnp.asarray(rng.uniform(-3, -1, (P, G, T)), jnp.float32)
    rollouts = cloning.written(prompt, jnp.full(P, TP, jnp.int32), tok, mask)._replace(logp_b=old)
    return rollouts, jnp.asarray(rng.uniform(size=(P, G, T)), jnp.float32)


def found(loss, batch):
    student = Student(Transformer.init(jax.random.key(1), SHAPE))
    return jax.tree.leaves(
        jax.jit(lambda student: gradients.gradient(loss, student, batch))(student)
    )


def losses():
    """Every loss that is taken in pieces, and what it reads besides answers."""
    yield cloning.cross_entropy, lambda rollouts, number: (rollouts, number[:, :, 0])
    problem = Problem(Addition(), SHAPE, 1, vocabulary.own(Addition()))
    credited = lambda rollouts, number: policy.Batch(rollouts, number - 0.5, -2 * number)  # noqa: E731
    yield policy.plain(problem, policy.Climb(kl=0.3), "seq-mean-token-sum"), credited
    yield policy.clipped(problem, policy.Clip(kl=0.3), "seq-mean-token-mean"), credited


@pytest.mark.slow
def test_pieces_sum_to_the_gradient_and_the_metrics_of_the_whole(batch, monkeypatch):
    """Of five prompts in pieces of two: one of them is in two pieces."""
    whole = [found(loss, of(*batch)) for loss, of in losses()]
    monkeypatch.setattr(gradients, "TOKENS", 2 * (TP + G * T))
    for one, (loss, of) in zip(whole, losses(), strict=True):
        for was, leaf in zip(one, found(loss, of(*batch)), strict=True):
            np.testing.assert_allclose(was, leaf, atol=2e-6)
        assert max(float(jnp.abs(leaf).max()) for leaf in one) > 1e-2


def test_pieces_are_as_large_as_may_be_whatever_the_number_of_prompts():
    for prompts, most, size in ((32, 26, 16), (31, 26, 16), (7, 2, 2), (5, 9, 5), (13, 0, 1)):
        assert gradients.piece_size(prompts, most) == size
    for prompts in range(1, 80):
        for most in range(1, 20):
            size = gradients.piece_size(prompts, most)
            assert min(most, prompts) < 2 * size <= 2 * min(most, prompts)
