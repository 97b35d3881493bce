"""Low-rank adapters: what is learned beside weights that stand still.

Each weight W of a layer that is adapted counts as `W + (alpha / rank) · A B`, with A of `rank`
columns; B begins at zero, so a fresh adapter changes nothing. Hu et al. 2021, arXiv:2106.09685.
Targets are named as in Hugging Face's models; `adapters` reads and writes PEFT's folders. Where an
adapter is part of the model that learns (`beside`), it is on the block's fused weights instead.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from cairn.core.errors import ConfigError, suggest
from cairn.core.keys import stream
from cairn.nn.language.block import Adapted, Shape
from cairn.nn.language.transformer import Transformer

FUSED = {"qkv": ("q", "k", "v"), "out": ("o",), "gate_up": ("gate", "up"), "down": ("down",)}
"""A block's weights, and the targets that lie in each one after another."""
TARGETS = tuple(target for parts in FUSED.values() for target in parts)


INSIDE = {"qkv": 1, "out": 3, "gate_up": 1, "down": 1}
"""Axes of a fused weight, behind that of layers, which enter its product."""


def beside(model: Transformer, key: Key[Array, ""], rank: int) -> Transformer:
    """The model with a fresh adapter `a b` of `rank` beside each fused weight of its blocks.

    A is drawn as `Lora.init` draws it, and B is zero: it computes what it did.
    """

    def adapted(name: str) -> Adapted:
        weight, inside = getattr(model.blocks, name), 1 + INSIDE[name]
        enters, leaves = weight.shape[1:inside], weight.shape[inside:]
        drawn = jax.random.uniform(stream(key, name), (weight.shape[0], *enters, rank))
        a = math.prod(enters) ** -0.5 * (2 * drawn - 1)
        return Adapted(weight, a, jnp.zeros((weight.shape[0], rank, *leaves)))

    return _replaced(model, {name: adapted(name) for name in INSIDE})


def without(model: Transformer) -> Transformer:
    """The model as it is without the adapters beside its weights."""
    return jax.tree.map(
        lambda part: part.weight if _adapted(part) else part, model, is_leaf=_adapted
    )


def added(model: Transformer) -> Transformer:
    """The model with the adapters beside its weights added to them: for saving."""

    def one(part: Any) -> Any:
        return _sum(part.weight, part.a, part.b) if _adapted(part) else part

    return jax.tree.map(one, model, is_leaf=_adapted)


def learned(tree: PyTree) -> PyTree:
    """Which leaves of a tree learn, as booleans: of a model with adapters these alone."""

    def of_part(part: Any) -> Any:
        if not _adapted(part):
            return jax.tree.map(lambda _: False, part)
        return eqx.tree_at(lambda p: p.weight, jax.tree.map(lambda _: True, part), replace=False)

    def of(part: Any) -> Any:
        if isinstance(part, Transformer):
            each = jax.tree.leaves(part, is_leaf=_adapted)
            if any(map(_adapted, each)):
                return jax.tree.map(of_part, part, is_leaf=_adapted)
        return jax.tree.map(lambda _: True, part)

    return jax.tree.map(of, tree, is_leaf=lambda part: isinstance(part, Transformer))


def _adapted(part: Any) -> bool:
    return isinstance(part, Adapted)


def _sum(weight: Array, a: Array, b: Array) -> Array:
    low = jax.vmap(lambda a, b: jnp.tensordot(a, b, 1))(a, b)
    return weight + low.astype(weight.dtype)


def _replaced(model: Transformer, new: dict[str, Any]) -> Transformer:
    return eqx.tree_at(lambda m: [getattr(m.blocks, name) for name in new], model, [*new.values()])


class Lora(eqx.Module):
    """An adapter of a model of `shape`; its arrays are all that learns."""

    a: dict[str, Float[Array, "..."]]
    """By target: layers, what enters, rank."""
    b: dict[str, Float[Array, "..."]]
    """By target: layers, rank, what comes out."""
    scale: float = eqx.field(static=True)
    """alpha / rank."""
    shape: Shape = eqx.field(static=True)

    @staticmethod
    def init(
        key: Key[Array, ""],
        shape: Shape,
        *,
        rank: int = 8,
        alpha: float = 16.0,
        targets: Sequence[str] = TARGETS,
    ) -> "Lora":
        """A fresh adapter: A uniform within 1 / √(what enters), as PEFT has it, and B zero.

        Raises ConfigError for a rank below 1 or a target that is none.
        """
        if rank < 1:
            raise ConfigError(f"An adapter's rank must be at least 1: {rank}.")
        for target in targets:
            if target not in TARGETS:
                known = ", ".join(TARGETS)
                raise ConfigError(
                    f"No target of an adapter is called {target!r}.{suggest(target, TARGETS)} "
                    f"There are {known}."
                )
        if not targets:
            raise ConfigError(f"An adapter needs a target, of {', '.join(TARGETS)}.")
        a, b = {}, {}
        for target in targets:
            enters, leaves = axes(shape, target)
            bound = math.prod(enters) ** -0.5
            drawn = jax.random.uniform(stream(key, target), (shape.layers, *enters, rank))
            a[target] = bound * (2 * drawn - 1)
            b[target] = jnp.zeros((shape.layers, rank, *leaves))
        return Lora(a, b, alpha / rank, shape)

    def over(self, model: Transformer) -> Transformer:
        """The model with the adapter beside its weights: for learning.

        Take gradients with respect to the adapter, and none of a weight's size is made.
        """
        return self._each(model, Adapted)

    def merged(self, model: Transformer) -> Transformer:
        """The model with the adapter added to its weights: for sampling and saving."""
        return self._each(model, _sum)

    def _each(
        self, model: Transformer, change: Callable[[Array, Array, Array], Any]
    ) -> Transformer:
        if model.shape != self.shape or isinstance(model.blocks, tuple):
            raise ConfigError("An adapter goes on a model of the shape it was made for, stacked.")
        names = [name for name, parts in FUSED.items() if set(parts) & set(self.a)]
        new = {name: change(getattr(model.blocks, name), *self._pair(name)) for name in names}
        return _replaced(model, new)

    def _pair(self, name: str) -> tuple[Array, Array]:
        """A and B of a fused weight: side by side, each target's B in rows of its own."""
        parts = [part for part in FUSED[name] if part in self.a]
        a = jnp.concatenate([self.a[part] for part in parts], axis=-1)
        if len(FUSED[name]) == 1:
            return a, self.b[parts[0]] * self.scale
        axis, rows = (3, self.shape.queries + 2) if name == "qkv" else (2, 2)
        starts = {"q": 0, "k": rows - 2, "v": rows - 1, "gate": 0, "up": 1}

        def placed(part: str) -> Array:
            b, pad = self.b[part], [(0, 0)] * self.b[part].ndim
            pad[axis] = starts[part], rows - starts[part] - b.shape[axis]
            return jnp.pad(b, pad)

        return a, jnp.concatenate([placed(part) for part in parts], axis=1) * self.scale


def axes(shape: Shape, target: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What enters a target's weight and what comes out, as the block's fused weights have it."""
    D, K, R, d, F = shape.width, shape.kv_heads, shape.queries, shape.head_width, shape.inner
    return {
        "q": ((D,), (K, R, d)),
        "k": ((D,), (K, 1, d)),
        "v": ((D,), (K, 1, d)),
        "o": ((K, R, d), (D,)),
        "gate": ((D,), (1, F)),
        "up": ((D,), (1, F)),
        "down": ((F,), (D,)),
    }[target]
