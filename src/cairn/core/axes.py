"""Columns of a batch on several devices: what learners and engines must agree on."""

import contextlib
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

COLUMNS = "columns"
"""Name of the mapped axis when the columns of a batch are spread over devices."""

SEEDS = "seeds"
"""Name of the mapped axis when whole seeds are spread over devices."""

LANES = 8
"""Columns are shuffled within this many equal lanes, so that minibatches hold the same columns on
1, 2, 4 or 8 devices."""


def lanes(columns: int, minibatches: int) -> int:
    """How many lanes `columns` are shuffled in: a power of two that fills every minibatch."""
    return math.gcd(columns // minibatches, LANES)


def count(axis: str | None) -> int:
    """Devices along `axis`; 1 without an axis."""
    return 1 if axis is None else jax.lax.axis_size(axis)


def sharers() -> int:
    """Devices that share the program being traced, by its columns or by its seeds."""
    found = 1
    for axis in (COLUMNS, SEEDS):
        with contextlib.suppress(NameError):  # nobody shares it so
            found *= jax.lax.axis_size(axis)
    return found


def place(axis: str | None) -> Array:
    """This device's number along `axis`; 0 without an axis."""
    return jnp.int32(0) if axis is None else jax.lax.axis_index(axis)


def average(tree: PyTree[Array], axis: str | None) -> PyTree[Array]:
    """Mean over the devices along `axis`, which hold equal shares."""
    return tree if axis is None else jax.lax.pmean(tree, axis)


def share_of_mean(
    values: Float[Array, "T B"], axis: str | None, weight: Float[Array, "T B"] | None = None
) -> Float[Array, ""]:
    """This device's share of the (weighted) mean: its `average` over devices is that mean."""
    if weight is None:
        return jnp.mean(values)
    return jnp.sum(values * weight) / jnp.maximum(average(jnp.sum(weight), axis), 1e-8)


def standardise(
    values: Float[Array, "T B"], axis: str | None, weight: Float[Array, "T B"] | None = None
) -> Float[Array, "T B"]:
    """(values - mean) / (standard deviation + 1e-5), over all devices along `axis`."""
    mean = average(share_of_mean(values, axis, weight), axis)
    deviation = jnp.sqrt(average(share_of_mean((values - mean) ** 2, axis, weight), axis))
    return (values - mean) / (deviation + 1e-5)
