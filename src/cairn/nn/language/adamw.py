"""AdamW as language models are trained by it (Loshchilov & Hutter 2019, arXiv:1711.05101).

Weights of products and embeddings decay, norms and biases do not; b2 is 0.95, as for Llama
(Touvron et al. 2023, arXiv:2302.13971).
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree

from cairn.nn.language.transformer import Transformer

LEAST = 0.1
"""What the step size goes down to, of the whole."""


class Descended(NamedTuple):
    """The model after an update."""

    model: Transformer
    moments: PyTree
    norm: Float[Array, ""]
    """Of the gradient, before it was clipped."""


def begin(model: Transformer) -> PyTree:
    """Moments before the first update."""
    return _adam().init(eqx.filter(model, eqx.is_array))


def step_size(
    highest: float, warm_up: float, updates: int, done: Int[Array, ""]
) -> Float[Array, ""]:
    """Straight up to `highest` in the share `warm_up` of all updates, then half a cosine down."""
    rise = max(1.0, warm_up * updates)
    so_far = done.astype(jnp.float32)
    share = jnp.clip((so_far - rise) / max(1.0, updates - rise), 0.0, 1.0)
    falling = LEAST + (1 - LEAST) * 0.5 * (1.0 + jnp.cos(jnp.pi * share))
    return highest * jnp.where(so_far < rise, (so_far + 1.0) / rise, falling)


def descend(
    model: Transformer,
    gradient: PyTree,
    moments: PyTree,
    rate: Float[Array, ""],
    decay: float,
    most: float,
) -> Descended:
    """w - rate (m / (√v + ε) + decay w), the gradient clipped to the norm `most`."""
    norm = optax.tree.norm(gradient)
    scale = jnp.minimum(1.0, most / jnp.maximum(norm, 1e-12))
    clipped = jax.tree.map(lambda leaf: leaf * scale, gradient)
    # Optax mixes Python and array scalars of other types inside.
    with jax.numpy_dtype_promotion("standard"):
        change, moments = _adam().update(clipped, moments)  # pyright: ignore[reportArgumentType]

    def moved(path: tuple[Any, ...], old: Array, step: Array) -> Array:
        name = jax.tree_util.keystr(path)
        shrink = 0.0 if "norm" in name or "bias" in name else decay
        return old - rate * (step + shrink * old)

    return Descended(jax.tree_util.tree_map_with_path(moved, model, change), moments, norm)


def _adam() -> optax.GradientTransformation:
    return optax.scale_by_adam(b2=0.95)
