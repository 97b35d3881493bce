"""A value used twice is computed once: checked in the compiled program itself."""

import jax
import jax.numpy as jnp
import pytest

from cairn.archive.once import once


def computations_with(word, function):
    """Of the compiled program's computations, those that hold such an operation."""
    text = jax.jit(function).lower(jnp.zeros(36)).compile().as_text()
    return [part for part in text.split("\n\n") if f" {word}(" in part]


def beaten(values):
    """How many others each value beats: every pair is compared both ways."""
    return jnp.sum(values[:, None] > values[None, :], axis=0)


def test_what_went_through_once_is_not_computed_anew_by_its_users():
    compares = computations_with("compare", lambda x: beaten(once(x * 2.3 + 1.7)))
    assert compares and all("multiply(" not in part for part in compares)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="speaks of the CPU compiler")
@pytest.mark.parametrize("through", [lambda x: x, jax.lax.optimization_barrier])
def test_without_it_the_users_compute_it_anew_barrier_or_not(through):
    # If this fails, the compiler has learned, and `once` may be simplified.
    compares = computations_with("compare", lambda x: beaten(through(x * 2.3 + 1.7)))
    assert any("multiply(" in part for part in compares)


def test_the_values_stay_the_same():
    values = jnp.array([1.5, -jnp.inf, 0.0, 3.25])
    assert once(values).tolist() == values.tolist()
    assert once(jnp.array([3, -1], jnp.int32)).tolist() == [3, -1]
