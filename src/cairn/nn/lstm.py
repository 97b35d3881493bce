"""LSTM over a sequence of episodes, with derivatives written by hand.

Autodiff of `lax.scan` adds a weight gradient of the full weight's size at every step and saves
whatever the forward pass touched. Here the derivative is written as a linear map whose transpose
is the good backward pass: the tangents of weights and inputs enter as one large product each
before its scan, so their gradients are one large product each after the scan backwards, which
carries only the two state gradients (measured figures in docs/performance.md). Forward and
reverse mode equal autodiff's up to rounding, which tests check.

Hochreiter & Schmidhuber 1997; gates in the order input, forget, cell, output, no peepholes.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

WIDE = 1000
"""Inputs beyond which their product is one before the scan: a teacher's board, not a view."""


class LstmMemory(NamedTuple):
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

    def initial(self, batch: int) -> LstmMemory:
        """Empty memory for `batch` episodes."""
        zeros = jnp.zeros((batch, self.hidden), jnp.float32)
        return LstmMemory(zeros, zeros)

    def step(
        self, memory: LstmMemory, x: Float[Array, "B X"], reset: Bool[Array, " B"]
    ) -> LstmMemory:
        """One step; where `reset`, the memory is emptied before it."""
        return _cell(self.weight, self.bias, memory, x, reset)[0]

    def sequence(
        self, memory: LstmMemory, x: Float[Array, "T B X"], reset: Bool[Array, "T B"]
    ) -> Float[Array, "T B H"]:
        """The hidden states of T steps that begin with `memory`."""
        return _sequence(self.weight, self.bias, memory, x, reset)


def _sigmoid(z: Array) -> Array:
    # One tanh instead of an exponential and a division: the CPU's vectorised tanh is cheaper.
    return 0.5 * jnp.tanh(0.5 * z) + 0.5


def _cell(
    weight: Array, bias: Array, memory: LstmMemory, x: Array, reset: Array
) -> tuple[LstmMemory, tuple[Array, Array, Array]]:
    keep = jnp.where(reset, 0.0, 1.0)[:, None]
    h, c = memory.h * keep, memory.c * keep
    return _gated(jnp.concatenate([x, h], axis=1) @ weight + bias[None], c)


def _gated(z: Array, c: Array) -> tuple[LstmMemory, tuple[Array, Array, Array]]:
    zi, zf, zg, zo = jnp.split(z, 4, axis=1)
    i, f, g, o = _sigmoid(zi), _sigmoid(zf), jnp.tanh(zg), _sigmoid(zo)
    c = f * c + i * g
    h = o * jnp.tanh(c)
    return LstmMemory(h, c), (jnp.concatenate([i, f, g, o], axis=1), c, h)


@jax.custom_jvp
def _sequence(weight: Array, bias: Array, memory: LstmMemory, x: Array, reset: Array) -> Array:
    return _forward(weight, bias, memory, x, reset)[2]


def _forward(
    weight: Array, bias: Array, memory: LstmMemory, x: Array, reset: Array
) -> tuple[Array, Array, Array]:
    """Gates, cells and hidden states of all steps."""
    inputs = x.shape[2]
    if inputs > WIDE:
        # Else every step would read all of the inputs' weights again for a few rows.
        driven = (x.reshape(-1, inputs) @ weight[:inputs] + bias[None]).reshape(*x.shape[:2], -1)
        recurrent = weight[inputs:]

        def drive(memory: LstmMemory, now: tuple[Array, Array]) -> tuple[LstmMemory, tuple]:
            z, reset = now
            keep = jnp.where(reset, 0.0, 1.0)[:, None]
            return _gated(z + (memory.h * keep) @ recurrent, memory.c * keep)

        return jax.lax.scan(drive, memory, (driven, reset))[1]

    def step(memory: LstmMemory, now: tuple[Array, Array]) -> tuple[LstmMemory, tuple]:
        return _cell(weight, bias, memory, *now)

    return jax.lax.scan(step, memory, (x, reset))[1]


@_sequence.defjvp
def _tangent(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """Hidden states and their tangents. `reset` is boolean and has none."""
    weight, bias, memory, x, reset = primals
    d_weight, d_bias, d_memory, dx, _ = tangents
    gates, c, h = _forward(weight, bias, memory, x, reset)
    keep = jnp.where(reset, 0.0, 1.0)[:, :, None]
    h_before = jnp.concatenate([memory.h[None], h[:-1]]) * keep
    c_before = jnp.concatenate([memory.c[None], c[:-1]]) * keep
    inputs, flat = x.shape[2], lambda leaf: leaf.reshape(-1, leaf.shape[-1])
    # `split`, because backwards it is one concatenation, where slices would be padded and added.
    d_input, d_recurrent = jnp.split(d_weight, [inputs])
    # All of z's tangent but what comes by way of the memory.
    dz = flat(dx) @ weight[:inputs] + flat(x) @ d_input
    dz = dz + flat(h_before) @ d_recurrent + d_bias[None]
    # Turned here once, so that the scan backwards has nothing to turn.
    recurrent = weight[inputs:].T

    def step(before: LstmMemory, now: tuple) -> tuple[LstmMemory, Array]:
        gates, c, c_before, keep, dz = now
        i, f, g, o = jnp.split(gates, 4, axis=1)
        tanh_c = jnp.tanh(c)
        dz = dz + jax.lax.dot_general(before.h * keep, recurrent, (((1,), (1,)), ((), ())))
        di, df, dg, do = jnp.split(dz, 4, axis=1)
        dc = before.c * keep * f
        dc = dc + di * (1.0 - i) * i * g + df * (1.0 - f) * f * c_before + dg * (1.0 - g * g) * i
        dh = dc * (1.0 - tanh_c * tanh_c) * o + do * (1.0 - o) * o * tanh_c
        return LstmMemory(dh, dc), dh

    # The factors are cheap: without a checkpoint all of them would be kept for every step.
    lean = jax.checkpoint(step, prevent_cse=False)
    now = gates, c, c_before, keep, dz.reshape(gates.shape)
    return h, jax.lax.scan(lean, d_memory, now)[1]
