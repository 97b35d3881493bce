"""A transformer on many devices: texts shared out over one axis of a mesh, weights over another.

Each device of the axis MODEL holds whole groups of heads and a part of the feed-forward width, so
that a layer sums over devices twice, after attention and after the feed-forward part (Shoeybi et
al. 2019, arXiv:1909.08053). XLA's partitioner puts the sums in; programs stay as they are.
"""

from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from cairn.core.errors import ConfigError
from cairn.nn.language.block import Shape

DATA, MODEL = "data", "model"
SHARED = {"qkv": -3, "qkv_bias": -3, "out": -4, "gate_up": -1, "down": -2, "embed": -2, "head": -2}
"""Weights that devices share, by their name in the model, and the axis that is cut."""
Tree = TypeVar("Tree", bound=PyTree)


def mesh(shape: Shape, *, data: int = 1, model: int = 1) -> Mesh:
    """`data` × `model` of the devices there are.

    Raises ConfigError if there are fewer, or heads or feed-forward width of `shape` cannot be cut
    into `model` equal parts.
    """
    here = jax.devices()
    if data < 1 or model < 1 or data * model > len(here):
        raise ConfigError(
            f"A mesh of {data} × {model} devices: JAX sees {len(here)} here, and each side is at "
            f"least 1."
        )
    for name in ("kv_heads", "inner"):
        if getattr(shape, name) % model:
            raise ConfigError(
                f"Over {model} devices a model's {name} ({getattr(shape, name)}) must be a "
                f"multiple of {model}."
            )
    return Mesh(np.asarray(here[: data * model]).reshape(data, model), (DATA, MODEL))


def lay(tree: Tree, mesh: Mesh) -> Tree:
    """Lay models, or what has their form as an optimiser's moments do, over the mesh.

    What is in the tree besides, every device has whole. Any axes may stand in front.
    """

    def place(path: tuple[Any, ...], leaf: Array) -> Array:
        return jax.device_put(leaf, NamedSharding(mesh, _spec(path, leaf, mesh.shape[MODEL])))

    return jax.tree_util.tree_map_with_path(place, tree)


def share(tree: Tree, mesh: Mesh) -> Tree:
    """Share out texts: the first axis of every array over the axis DATA.

    Raises ConfigError if it cannot be cut evenly.
    """
    for leaf in jax.tree.leaves(tree):
        if leaf.shape[0] % mesh.shape[DATA]:
            raise ConfigError(
                f"{leaf.shape[0]} texts cannot be shared out evenly over {mesh.shape[DATA]} "
                f"devices."
            )
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec(DATA)))


def _spec(path: tuple[Any, ...], leaf: Array, parts: int) -> PartitionSpec:
    names = [getattr(key, "name", "") for key in path]
    if names[-1:] == ["weight"]:  # of an adapted one
        names.pop()
    axis = SHARED.get(names[-1]) if names else None
    if axis is None or leaf.ndim < -axis or leaf.shape[axis] % parts:
        return PartitionSpec()  # such as an embedding of an odd number of tokens
    spec: list[str | None] = [None] * leaf.ndim
    spec[axis] = MODEL
    return PartitionSpec(*spec)
