"""A gradient by pieces is that of the whole batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.rollouts import Rollouts
from cairn.improve import cloning, gradients
from cairn.improve.parts import Student
from cairn.nn.language.block import Shape
from cairn.nn.language.transformer import Transformer

P, TP, G, T = 6, 3, 2, 4
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
    rollouts = cloning.written(prompt, jnp.full(P, TP, jnp.int32), tok, mask)
    return rollouts, jnp.asarray(rng.uniform(size=(P, G)), jnp.float32)


def found(batch: tuple[Rollouts, jax.Array]):
    student = Student(Transformer.init(jax.random.key(1), SHAPE))
    by = jax.jit(lambda student: gradients.gradient(cloning.cross_entropy, student, batch))
    return jax.tree.leaves(by(student))


@pytest.mark.slow
def test_pieces_sum_to_the_gradient_and_the_metrics_of_the_whole(batch, monkeypatch):
    whole = found(batch)
    monkeypatch.setattr(gradients, "TOKENS", 2 * (TP + G * T))
    for one, other in zip(whole, found(batch), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert max(float(jnp.abs(leaf).max()) for leaf in whole) > 1e-2
