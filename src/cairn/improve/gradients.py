"""Gradients of a batch; of a loss that is a sum over prompts, piece by piece.

The activations of a whole batch are hundreds of megabytes, which a CPU fetches from memory again
and again; those of some thousand tokens stay in its caches, and there products are as fast as they
can be (docs/performance.md).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int, PyTree

from cairn.core import branches
from cairn.core.axes import COLUMNS
from cairn.core.rollouts import Rollouts
from cairn.engine.devices import WHOLE, along, over
from cairn.improve.parts import Metrics, Student
from cairn.nn.language import lora

TOKENS = 1280
"""Most tokens of a piece, of prompts and their answers; a single prompt may have more."""

Part = TypeVar("Part")
Loss = Callable[[Student, Part], tuple[Float[Array, ""], Metrics]]
"""Of a student and a batch whose leaves are (P, ...)."""


class Summed(NamedTuple):
    """A loss that is a sum over prompts of shares times something, as all its metrics are."""

    shares: Callable[[Any], PyTree]
    """How much each token of a batch counts: leaves (P, ...), all 0 of a prompt that is left out.
    Divisors are made here, once."""
    loss: Callable[[Student, Any], tuple[Float[Array, ""], Metrics]]
    """Of some prompts of `(batch, shares)`."""


def value_and_grad(loss: Callable[..., Any], has_aux: bool = False) -> Callable[..., Any]:
    """`jax.value_and_grad` of a loss by what learns in its first argument."""

    def of(params: Any, *more: Any) -> Any:
        learned, rest = eqx.partition(params, lora.learned(params))
        whole = lambda learned, *more: loss(eqx.combine(learned, rest), *more)  # noqa: E731
        return jax.value_and_grad(whole, has_aux=has_aux)(learned, *more)

    return of


def gradient(
    loss: Loss | Summed, student: Student, batch: PyTree, mesh: Mesh | None = None
) -> tuple[Student, Metrics]:
    """The gradient by the student, and the metrics; a sum's prompts are shared by a mesh's devices.

    Anything but a sum is taken by each of them as a whole.
    """
    if not isinstance(loss, Summed):
        (_, metrics), found = value_and_grad(loss, has_aux=True)(student, batch)
        return found, metrics
    of_piece = value_and_grad(loss.loss, has_aux=True)

    def here(student: Student, own: PyTree) -> tuple[Student, Metrics]:
        P, size = jax.tree.leaves(own)[0].shape[0], _prompts(own)

        def piece(number: Int[Array, ""]) -> tuple[Student, Metrics]:
            # The last piece may begin among prompts of the one before it: those count for nothing.
            first = jnp.minimum(number * size, P - size)
            cut = lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, first, size)  # noqa: E731
            some, shares = jax.tree.map(cut, own)
            fresh = first + jnp.arange(size, dtype=jnp.int32) >= number * size
            once = lambda leaf: jnp.where(_along(fresh, leaf), leaf, 0.0)  # noqa: E731
            (_, metrics), found = of_piece(student, (some, jax.tree.map(once, shares)))
            return found, metrics

        def add(total: PyTree, number: Int[Array, ""]) -> tuple[PyTree, None]:
            return jax.tree.map(jnp.add, total, piece(number)), None

        numbers = jnp.arange(-(-P // size), dtype=jnp.int32)
        total, _ = jax.lax.scan(add, branches.zeros(piece, numbers[0]), numbers)
        return total if mesh is None else jax.lax.psum(total, COLUMNS)

    everywhere = over(mesh, here, (WHOLE, along(COLUMNS)), WHOLE)
    return everywhere(student, (batch, loss.shares(batch)))


def _prompts(batch: PyTree) -> int:
    """Prompts of a piece: all of them on an accelerator, which wants much at once."""
    is_rollouts = lambda leaf: isinstance(leaf, Rollouts)  # noqa: E731
    rollouts = next(filter(is_rollouts, jax.tree.leaves(batch, is_leaf=is_rollouts)))
    P, G, T = rollouts.tok.shape
    if jax.default_backend() != "cpu":
        return P
    return piece_size(P, TOKENS // (rollouts.prompt.shape[1] + G * T))


def piece_size(prompts: int, most: int) -> int:
    """Prompts of a piece, `most` if possible: a number that divides them, unless all such are small
    (a prime number has none but 1); then as many as leave the least to be taken twice."""
    most = min(max(1, most), prompts)
    divides = max(size for size in range(1, most + 1) if prompts % size == 0)
    return divides if 2 * divides > most else -(-prompts // -(-prompts // most))


def _along(rows: Bool[Array, " n"], leaf: Array) -> Bool[Array, "n ..."]:
    """A flag for each row, beside arrays of any further axes."""
    return rows.reshape(-1, *[1] * (leaf.ndim - 1))
