"""LSTM over a sequence of episodes, with a backward pass written by hand.

Autodiff of `lax.scan` adds a weight gradient of the full weight's size at every step and saves
whatever the forward pass touched. Here the backward scan carries only the two state gradients;
the gradients of weights and inputs are one large product each after it (measured figures in
docs/performance.md). The result equals autodiff's up to rounding, which a test checks.

Hochreiter & Schmidhuber 1997; gates in the order input, forget, cell, output, no peepholes.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key


class Carry(NamedTuple):
    """The memory of one batch of episodes."""

    h: Float[Array, "B H"]
    c: Float[Array, "B H"]


class Lstm(eqx.Module):
    """Weights of one layer: `z = [x, h] W + b`, in blocks i, f, g, o of size H."""

    weight: Float[Array, "X+H 4*H"]
    bias: Float[Array, " 4*H"]

    def __init__(self, inputs: int, hidden: int, key: Key[Array, ""]):
        """LeCun-normal input weights, orthogonal recurrent weights (each gate), zero bias."""
        x_key, h_key = jax.random.split(key)
        x_init, h_init = jax.nn.initializers.lecun_normal(), jax.nn.initializers.orthogonal()
        gates = [
            jnp.concatenate([x_init(kx, (inputs, hidden)), h_init(kh, (hidden, hidden))])
            for kx, kh in zip(jax.random.split(x_key, 4), jax.random.split(h_key, 4), strict=True)
        ]
        self.weight = jnp.concatenate(gates, axis=1)
        self.bias = jnp.zeros((4 * hidden,), jnp.float32)

    @property
    def hidden(self) -> int:
        """Size of the memory."""
        return self.weight.shape[1] // 4

    def initial(self, batch: int) -> Carry:
        """Empty memory for `batch` episodes."""
        zeros = jnp.zeros((batch, self.hidden), jnp.float32)
        return Carry(zeros, zeros)

    def step(self, carry: Carry, x: Float[Array, "B X"], reset: Bool[Array, " B"]) -> Carry:
        """One step; where `reset`, the memory is emptied before it."""
        carry, _ = _cell(self.weight, self.bias, carry, x, reset)
        return carry

    def sequence(
        self, carry: Carry, x: Float[Array, "T B X"], reset: Bool[Array, "T B"]
    ) -> Float[Array, "T B H"]:
        """The hidden states of T steps. Differentiable in weights, bias and `x`, not in `carry`."""
        return _sequence(self.weight, self.bias, carry, x, reset)


class _Saved(NamedTuple):
    """What the backward pass needs of every step."""

    gates: Float[Array, "T B 4*H"]
    c: Float[Array, "T B H"]
    h: Float[Array, "T B H"]


def _sigmoid(z: Array) -> Array:
    # One tanh instead of an exponential and a division: the CPU's vectorised tanh is cheaper.
    return 0.5 * jnp.tanh(0.5 * z) + 0.5


def _cell(
    weight: Array, bias: Array, carry: Carry, x: Array, reset: Array
) -> tuple[Carry, tuple[Array, Array, Array]]:
    keep = jnp.where(reset, 0.0, 1.0)[:, None]
    h, c = carry.h * keep, carry.c * keep
    z = jnp.concatenate([x, h], axis=1) @ weight + bias[None]
    zi, zf, zg, zo = jnp.split(z, 4, axis=1)
    i, f, g, o = _sigmoid(zi), _sigmoid(zf), jnp.tanh(zg), _sigmoid(zo)
    c = f * c + i * g
    h = o * jnp.tanh(c)
    return Carry(h, c), (jnp.concatenate([i, f, g, o], axis=1), c, h)


@jax.custom_vjp
def _sequence(weight: Array, bias: Array, carry: Carry, x: Array, reset: Array) -> Array:
    return _forward(weight, bias, carry, x, reset)[0]


def _forward(
    weight: Array, bias: Array, carry: Carry, x: Array, reset: Array
) -> tuple[Array, tuple]:
    def step(carry: Carry, now: tuple[Array, Array]) -> tuple[Carry, tuple]:
        return _cell(weight, bias, carry, *now)

    _, (gates, c, h) = jax.lax.scan(step, carry, (x, reset))
    return h, (weight, carry, x, reset, _Saved(gates, c, h))


def _backward(residuals: tuple, dh_out: Array) -> tuple:
    weight, carry, x, reset, saved = residuals
    inputs = x.shape[2]
    keep = jnp.where(reset, 0.0, 1.0)[:, :, None]
    h_before = jnp.concatenate([carry.h[None], saved.h[:-1]]) * keep
    c_before = jnp.concatenate([carry.c[None], saved.c[:-1]]) * keep
    recurrent = weight[inputs:].T

    def step(later: tuple[Array, Array], now: tuple) -> tuple:
        dh, dc = later
        gates, c, c_prev, keep, dh_out = now
        i, f, g, o = jnp.split(gates, 4, axis=1)
        tanh_c = jnp.tanh(c)
        dh = dh + dh_out
        dc = dc + dh * o * (1.0 - tanh_c * tanh_c)
        dz = jnp.concatenate(
            [
                dc * g * i * (1.0 - i),
                dc * c_prev * f * (1.0 - f),
                dc * i * (1.0 - g * g),
                dh * tanh_c * o * (1.0 - o),
            ],
            axis=1,
        )
        return ((dz @ recurrent) * keep, dc * f * keep), dz

    zeros = jnp.zeros_like(carry.h)
    _, dz = jax.lax.scan(
        step, (zeros, zeros), (saved.gates, saved.c, c_before, keep, dh_out), reverse=True
    )
    flat = dz.reshape(-1, dz.shape[-1])
    d_weight = jnp.concatenate(
        [x.reshape(-1, inputs).T @ flat, h_before.reshape(-1, h_before.shape[-1]).T @ flat]
    )
    dx = (flat @ weight[:inputs].T).reshape(x.shape)
    return d_weight, jnp.sum(flat, axis=0), None, dx, None


_sequence.defvjp(_forward, _backward)
