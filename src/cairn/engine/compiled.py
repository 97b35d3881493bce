"""The compiled engine: scans a method's `step` inside one XLA program, for one seed or many.

It knows nothing of the method. Python is entered once per chunk: to log, evaluate, checkpoint.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Key, PyTree

from cairn.core.keys import stream
from cairn.engine.devices import SEEDS, Layout, along, over

SeedForm = Literal["map", "vmap"]


class Program(NamedTuple):
    """A method bound to its problem: `init(key) -> state`, `step(state) -> (state, report)`."""

    init: Callable[[Key[Array, ""]], Any]
    step: Callable[[Any], tuple[Any, Any]]


class Compiled(NamedTuple):
    """The program for all seeds. States and reports have a leading axis of seeds."""

    init: Callable[[], Any]
    chunk: Callable[[Any], tuple[Any, Any]]
    """Jitted or already compiled; wants its state laid out as `layout` says, and donates it."""
    layout: Layout

    def advance(self, state: Any) -> tuple[Any, Any]:
        """One chunk of cycles. `state` is used up; reports are (seeds, cycles, ...)."""
        return self.chunk(self.layout.put(state))  # copies only what does not lie there yet

    def ready(self, state: Any) -> "Compiled":
        """The same, compiled now, so that the first chunk takes as long as the others."""
        jitted: Any = self.chunk
        lowered = jitted.lower(self.layout.put(state))
        trim_heap()  # what compiling `init` left behind
        compiled = lowered.compile()
        trim_heap()
        return self._replace(chunk=compiled)


def trim_heap() -> None:
    """Return freed memory to the system. glibc keeps what a compiler frees: hundreds of MB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)


def seed_form() -> SeedForm:
    """How the seeds on one device share a program: in turns on CPU, side by side elsewhere.

    `vmap` turns `cond` into both branches, and on CPU it makes small products and gathers slower.
    `cairn bench ued --seeds` measures both forms.
    """
    return "map" if jax.default_backend() == "cpu" else "vmap"


def over_seeds(
    function: Callable, seeds: int, mesh: Mesh | None = None, form: SeedForm | None = None
) -> Callable:
    """Map `function` over the leading axis of its argument, by `seed_form` unless told otherwise.

    With `mesh` each device has an equal share of the seeds.
    """
    if mesh is not None:
        share = over_seeds(function, seeds // mesh.size, form=form)
        return over(mesh, share, (along(SEEDS),), along(SEEDS))
    if seeds == 1:
        # No loop around a single seed: XLA would keep the state twice.
        def single(argument: PyTree) -> PyTree:
            out = function(jax.tree.map(lambda leaf: leaf[0], argument))
            return jax.tree.map(lambda leaf: leaf[None], out)

        return single
    if (form or seed_form()) == "map":
        return lambda argument: jax.lax.map(function, argument)
    return jax.vmap(function)


def compile_program(
    program: Program,
    *,
    seed: int,
    seeds: int,
    cycles: int,
    layout: Layout,
    form: SeedForm | None = None,
) -> Compiled:
    """Bind a program to seeds `seed ... seed + seeds - 1` and chunks of `cycles`.

    `form` is how chunks go over the seeds of a device, if not by `seed_form`.
    """

    def init() -> Any:
        keys = jax.vmap(jax.random.key)(jnp.arange(seed, seed + seeds, dtype=jnp.uint32))
        return over_seeds(lambda key: program.init(stream(key, "run")), seeds)(keys)

    def chunk(state: Any) -> tuple[Any, Any]:
        return jax.lax.scan(lambda state, _: program.step(state), state, length=cycles)

    advance = jax.jit(over_seeds(chunk, seeds, layout.seeds, form), donate_argnums=0)
    return Compiled(jax.jit(init), advance, layout)
