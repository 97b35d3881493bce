"""The compiled engine: scans a method's `step` inside one XLA program, for one seed or many.

It knows nothing of the method. Python is entered once per chunk: to log, evaluate, checkpoint.
"""

import ctypes
import functools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, PyTree

from cairn.core import branches
from cairn.core.axes import SEEDS
from cairn.core.keys import stream
from cairn.engine.devices import WHOLE, Layout, along, over
from cairn.engine.program import Program, Report

SeedForm = Literal["map", "vmap"]


class Compiled(NamedTuple):
    """The program for all seeds. States and reports have a leading axis of seeds."""

    init: Callable[[], Any]
    chunk: Callable[..., tuple[Any, Any]]
    """Jitted or already compiled; wants its state laid out as `layout` says, and donates it. What
    `data` gives follows the state."""
    layout: Layout
    data: Callable[[], tuple[PyTree, ...]] = tuple
    """What every chunk reads besides the state: nothing, or one pytree. Read from disk once."""

    def advance(self, state: Any) -> tuple[Any, Any]:
        """One chunk of cycles. `state` is used up; reports are (seeds, cycles, ...)."""
        # Copies only what does not lie there yet.
        return self.chunk(self.layout.put(state), *self.data())

    def ready(self, state: Any) -> "Compiled":
        """The same, compiled now, so that the first chunk takes as long as the others."""
        jitted: Any = self.chunk
        lowered = jitted.lower(self.layout.put(state), *self.data())
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
    """Map `function` over the leading axis of its first argument, by `seed_form` if not told.

    Further arguments are the same for all seeds. With `mesh` each device has an equal share.
    """
    if mesh is not None:
        share = over_seeds(function, seeds // mesh.size, form=form)

        def shared(argument: PyTree, *data: PyTree) -> PyTree:
            inputs = (along(SEEDS), *(WHOLE for _ in data))
            return over(mesh, share, inputs, along(SEEDS))(argument, *data)

        return shared
    if seeds == 1:
        # No loop around a single seed: XLA would keep the state twice.
        def single(argument: PyTree, *data: PyTree) -> PyTree:
            out = function(jax.tree.map(lambda leaf: leaf[0], argument), *data)
            return jax.tree.map(lambda leaf: leaf[None], out)

        return single

    def several(argument: PyTree, *data: PyTree) -> PyTree:
        one = lambda argument: function(argument, *data)  # noqa: E731
        if (form or seed_form()) == "map":
            return jax.lax.map(one, argument)
        return jax.vmap(one, axis_name=branches.SIDE_BY_SIDE)(argument)

    return several


def compile_program(
    program: Program,
    *,
    seed: int,
    seeds: int,
    cycles: int,
    budget: int,
    layout: Layout,
    form: SeedForm | None = None,
) -> Compiled:
    """Bind a program to seeds `seed ... seed + seeds - 1` and chunks of `cycles`.

    Each of several seeds stands still once it has spent `budget`, as it would have stopped alone.
    `form` is how chunks go over the seeds of a device, if not by `seed_form`.
    """

    @jax.jit
    def init(numbers: Array) -> Any:
        keys = jax.vmap(jax.random.key)(numbers)
        return over_seeds(lambda key: program.init(stream(key, "run")), seeds)(keys)

    def chunk(state: Any, *data: PyTree) -> tuple[Any, Report]:
        def cycle(state: Any, _: None) -> tuple[Any, Report]:
            state, report = program.step(state, *data)
            weights = {name: jnp.float32(1) for name in report.metrics} | dict(report.weights)
            return state, report._replace(weights=weights)

        return jax.lax.scan(cycle, state, length=cycles)

    def unless_done(state: Any, *data: PyTree) -> tuple[Any, Report]:
        go_on = lambda state: chunk(state, *data)  # noqa: E731
        # Zeros: no metric counts, and nothing entered an archive.
        nothing = branches.zeros(lambda state: go_on(state)[1], state)
        goes_on = ~state.ledger.reached(budget, program.budget)
        return branches.when(goes_on, go_on, lambda state: (state, nothing), state)

    @functools.cache
    def data() -> tuple[PyTree, ...]:
        return () if program.data is None else (layout.share(program.data.load()),)

    one = chunk if seeds == 1 else unless_done
    advance = jax.jit(over_seeds(one, seeds, layout.seeds, form), donate_argnums=0)
    # An argument: as a constant it would have every seed compile `init` anew.
    numbers = jnp.arange(seed, seed + seeds, dtype=jnp.uint32)
    return Compiled(lambda: init(numbers), advance, layout, data)
