"""From an observation (any pytree that matches its spec) to one feature vector per step."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from cairn.core.errors import ConfigError
from cairn.envs.protocol import Category, Image, Vector

Spec = Image | Vector | Category

KERNEL = 3
"""Images pass one 3×3 convolution without padding, then ReLU (the peers' network)."""


def _is_spec(node: object) -> bool:
    return isinstance(node, Spec)


class Encoder(eqx.Module):
    """One part per leaf of the spec; their outputs are concatenated in leaf order.

    Image: 3×3 convolution, ReLU, flattened. Category: learned embedding. Vector: as it is.
    """

    weights: list[Float[Array, "..."]]
    biases: list[Float[Array, "..."]]
    specs: tuple[Spec, ...] = eqx.field(static=True)

    def __init__(self, spec: PyTree, *, filters: int, embedding: int, key: Key[Array, ""]):
        """Convolutions start orthogonal with gain √2, embeddings LeCun-normal."""
        self.specs = tuple(jax.tree.leaves(spec, is_leaf=_is_spec))
        for part in self.specs:
            if isinstance(part, Image) and min(part.shape[:2]) < KERNEL:
                raise ConfigError(
                    f"The student's {KERNEL}x{KERNEL} convolution needs images at least that "
                    f"large, got {part.shape[0]}x{part.shape[1]}. Widen the view."
                )
        self.weights, self.biases = [], []
        for part, part_key in zip(self.specs, jax.random.split(key, len(self.specs)), strict=True):
            weight, bias = _initial(part, filters, embedding, part_key)
            self.weights.append(weight)
            self.biases.append(bias)

    @property
    def size(self) -> int:
        """Length of the feature vector."""
        return sum(
            _size(spec, weight) for spec, weight in zip(self.specs, self.weights, strict=True)
        )

    def __call__(self, observation: PyTree) -> Float[Array, "N features"]:
        """Features of N observations: every leaf has one leading axis."""
        leaves = jax.tree.leaves(observation)
        parts = [
            _encode(spec, leaf, weight, bias)
            for spec, leaf, weight, bias in zip(
                self.specs, leaves, self.weights, self.biases, strict=True
            )
        ]
        return jnp.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def _initial(spec: Spec, filters: int, embedding: int, key: Array) -> tuple[Array, Array]:
    if isinstance(spec, Image):
        shape = (KERNEL * KERNEL * spec.shape[2], filters)
        return jax.nn.initializers.orthogonal(math.sqrt(2))(key, shape), jnp.zeros(filters)
    if isinstance(spec, Category):
        weight = jax.nn.initializers.lecun_normal()(key, (spec.size, embedding))
        return weight, jnp.zeros(embedding)
    return jnp.zeros((0, spec.size)), jnp.zeros(0)


def _size(spec: Spec, weight: Array) -> int:
    if isinstance(spec, Image):
        rows, columns, _ = spec.shape
        return (rows - KERNEL + 1) * (columns - KERNEL + 1) * weight.shape[1]
    return weight.shape[1]


def _encode(spec: Spec, leaf: Array, weight: Array, bias: Array) -> Array:
    if isinstance(spec, Image):
        dense, dense_bias = _as_matrix(weight, bias, spec)
        flat = leaf.reshape(leaf.shape[0], -1)
        return jax.nn.relu(flat @ dense + dense_bias[None])
    if isinstance(spec, Category):
        chosen = jax.nn.one_hot(leaf, spec.size, dtype=jnp.float32)
        return chosen @ weight + bias[None]
    return leaf


def _as_matrix(weight: Array, bias: Array, spec: Image) -> tuple[Array, Array]:
    """The convolution as one (rows·columns·channels, outputs) matrix.

    For views this small one dense product beats convolution and patches on a CPU, though most of
    the matrix is zero: convolutions inside loops are slow there, patches cost memory traffic.
    """
    rows, columns, channels = spec.shape
    out_rows, out_columns = rows - KERNEL + 1, columns - KERNEL + 1
    kernel = weight.reshape(KERNEL, KERNEL, channels, -1)
    placed = [
        jnp.pad(kernel, ((r, out_rows - 1 - r), (c, out_columns - 1 - c), (0, 0), (0, 0)))
        for r in range(out_rows)
        for c in range(out_columns)
    ]
    matrix = jnp.stack(placed, axis=3).reshape(rows * columns * channels, -1)
    return matrix, jnp.tile(bias, out_rows * out_columns)
