"""From an observation (any pytree that matches its spec) to one feature vector per step."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from cairn.envs.protocol import Category, Image, Vector
from cairn.nn.convolve import Layer, as_matrix, convolved, gathered, initial, layers

Spec = Image | Vector | Category


def _is_spec(node: object) -> bool:
    return isinstance(node, Spec)


class Encoder(eqx.Module):
    """One part per leaf of the spec; their outputs are concatenated in leaf order.

    Image: convolutions with ReLU (`convolve.layers`), flattened. Category: learned embedding.
    Vector: as it is.
    """

    weights: list[PyTree]
    """One array a leaf, or for an image of several layers one a layer."""
    biases: list[PyTree]
    specs: tuple[Spec, ...] = eqx.field(static=True)
    filters: int = eqx.field(static=True)

    def __init__(self, spec: PyTree, *, filters: int, embedding: int, key: Key[Array, ""]):
        """Convolutions start orthogonal with gain √2, embeddings LeCun-normal."""
        self.specs = tuple(jax.tree.leaves(spec, is_leaf=_is_spec))
        self.filters = filters
        self.weights, self.biases = [], []
        for part, part_key in zip(self.specs, jax.random.split(key, len(self.specs)), strict=True):
            weight, bias = _initial(part, filters, embedding, part_key)
            self.weights.append(weight)
            self.biases.append(bias)

    @property
    def size(self) -> int:
        """Length of the feature vector."""
        return sum(
            layers(spec, self.filters)[-1].outputs if isinstance(spec, Image) else weight.shape[1]
            for spec, weight in zip(self.specs, self.weights, strict=True)
        )

    def __call__(self, observation: PyTree) -> Float[Array, "N features"]:
        """Features of N observations: every leaf has one leading axis."""
        leaves = jax.tree.leaves(observation)
        parts = [
            _image(spec, layers(spec, self.filters), leaf, weight, bias)
            if isinstance(spec, Image)
            else _encode(spec, leaf, weight, bias)
            for spec, leaf, weight, bias in zip(
                self.specs, leaves, self.weights, self.biases, strict=True
            )
        ]
        return jnp.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def _initial(spec: Spec, filters: int, embedding: int, key: Array) -> tuple[PyTree, PyTree]:
    if isinstance(spec, Image):
        stack = layers(spec, filters)
        if len(stack) == 1:
            return initial(stack[0], key)
        pairs = [
            initial(layer, own)
            for layer, own in zip(stack, jax.random.split(key, len(stack)), strict=True)
        ]
        return [weight for weight, _ in pairs], [bias for _, bias in pairs]
    if isinstance(spec, Category):
        weight = jax.nn.initializers.lecun_normal()(key, (spec.size, embedding))
        return weight, jnp.zeros(embedding)
    return jnp.zeros((0, spec.size)), jnp.zeros(0)


def _encode(spec: Vector | Category, leaf: Array, weight: Array, bias: Array) -> Array:
    if isinstance(spec, Category):
        chosen = jax.nn.one_hot(leaf, spec.size, dtype=jnp.float32)
        return chosen @ weight + bias[None]
    return leaf


def _image(
    spec: Image, stack: tuple[Layer, ...], images: Array, weights: PyTree, biases: PyTree
) -> Array:
    number = images.shape[0]
    if stack[0].dense:
        dense, dense_bias = as_matrix(weights, biases, stack[0])
        return jax.nn.relu(images.reshape(number, -1) @ dense + dense_bias[None])
    if spec.cells and len(stack) == 1:
        return gathered(images, weights, biases, stack[0])
    if len(stack) == 1:
        weights, biases = [weights], [biases]
    for layer, weight, bias in zip(stack, weights, biases, strict=True):
        images = convolved(images, weight, bias, layer)
    return images.reshape(number, -1)
