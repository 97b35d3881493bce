"""The hand-written derivatives against autodiff of a textbook cell."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.nn import lstm as module
from cairn.nn.lstm import Lstm, LstmMemory

T, B, X, H = 7, 3, 4, 5


def textbook(weight, bias, carry, x, reset):
    """The equations as printed, left to autodiff."""

    def step(state, now):
        x, reset = now
        h, c = (jnp.where(reset[:, None], 0.0, part) for part in state)
        z = x @ weight[:X] + h @ weight[X:] + bias[None]
        i, f, g, o = z[:, :H], z[:, H : 2 * H], z[:, 2 * H : 3 * H], z[:, 3 * H :]
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return jax.lax.scan(step, (carry.h, carry.c), (x, reset))[1]


@pytest.fixture(scope="module")
def case():
    keys = jax.random.split(jax.random.key(0), 5)
    lstm = Lstm(X, H, keys[0])
    lstm = eqx.tree_at(lambda cell: cell.bias, lstm, jax.random.normal(keys[1], (4 * H,)))
    carry = LstmMemory(*jax.random.normal(keys[2], (2, B, H)))
    x = jax.random.normal(keys[3], (T, B, X))
    # Column 0 never resets, column 1 in the middle and twice in a row, column 2 at once.
    reset = jnp.zeros((T, B), bool).at[3:5, 1].set(True).at[0, 2].set(True)
    return lstm, carry, x, reset, jax.random.normal(keys[4], (T, B, H))


def test_hidden_states_equal_the_textbook_s(case):
    lstm, carry, x, reset, _ = case
    got = lstm.sequence(carry, x, reset)
    np.testing.assert_allclose(got, textbook(lstm.weight, lstm.bias, carry, x, reset), atol=1e-6)


def test_a_product_before_the_scan_for_wide_inputs_changes_nothing(case, monkeypatch):
    lstm, carry, x, reset, _ = case
    took = []
    monkeypatch.setattr(module, "WIDE", X - 1)
    whole = module._gated
    monkeypatch.setattr(module, "_gated", lambda z, c: took.append(z.shape) or whole(z, c))
    monkeypatch.setattr(module, "_cell", None)  # what narrow inputs take
    got = lstm.sequence(carry, x, reset)
    np.testing.assert_allclose(got, textbook(lstm.weight, lstm.bias, carry, x, reset), atol=1e-6)
    assert took == [(B, 4 * H)]


def functions(case):
    """Ours and the textbook's, of everything that has a derivative."""
    lstm, _, _, reset, _ = case

    def ours(weight, bias, carry, x):
        cell = eqx.tree_at(lambda cell: (cell.weight, cell.bias), lstm, (weight, bias))
        return cell.sequence(carry, x, reset)

    return ours, lambda weight, bias, carry, x: textbook(weight, bias, carry, x, reset)


def assert_close(ours, theirs):
    for one, two in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert np.abs(two).max() > 0.01
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def test_gradients_equal_autodiff_s_the_carry_s_too(case):
    lstm, carry, x, _, weights = case

    def gradient(function):
        total = lambda *arguments: jnp.sum(function(*arguments) * weights)  # noqa: E731
        return jax.jit(jax.grad(total, (0, 1, 2, 3)))(lstm.weight, lstm.bias, carry, x)

    assert_close(*map(gradient, functions(case)))


def test_tangents_equal_autodiff_s(case):
    lstm, carry, x, _, _ = case
    at = lstm.weight, lstm.bias, carry, x
    keys = iter(jax.random.split(jax.random.key(1), 5))
    along = jax.tree.map(lambda leaf: jax.random.normal(next(keys), leaf.shape), at)
    assert_close(*(jax.jit(lambda f=f: jax.jvp(f, at, along))() for f in functions(case)))


def test_a_gradient_mapped_over_seeds_equals_one_at_a_time(case):
    lstm, carry, x, reset, weights = case
    total = lambda x: jnp.sum(lstm.sequence(carry, x, reset) * weights)  # noqa: E731
    many = jnp.stack([x, -x])
    alone, mapped = jax.jit(jax.grad(total)), jax.jit(jax.vmap(jax.grad(total)))
    np.testing.assert_allclose(mapped(many), jnp.stack([alone(x) for x in many]), atol=1e-5)


def test_no_gradient_flows_through_a_reset(case):
    lstm, carry, x, reset, _ = case
    after = lambda x: jnp.sum(lstm.sequence(carry, x, reset)[3:, 1])  # noqa: E731
    gradient = jax.grad(after)(x)
    assert not gradient[:3].any()
    assert gradient[4:, 1].any() and not gradient[:, (0, 2)].any()


def test_stepping_equals_the_sequence(case):
    lstm, carry, x, reset, _ = case
    whole, step = lstm.sequence(carry, x, reset), eqx.filter_jit(lstm.step)
    for t in range(T):
        carry = step(carry, x[t], reset[t])
        np.testing.assert_allclose(carry.h, whole[t], atol=1e-6)
