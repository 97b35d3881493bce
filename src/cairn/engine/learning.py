"""One update of a learner, under a condition, its batch shared by devices."""

from typing import Any

from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Key

from cairn.core.axes import COLUMNS
from cairn.core.branches import when as branch
from cairn.core.branches import zeros
from cairn.core.trace import Trace
from cairn.engine.devices import WHOLE, over
from cairn.engine.tracing import TRACE
from cairn.learners.protocol import Learner


def improve(
    learner: Learner,
    state: Any,
    trace: Trace,
    key: Key[Array, ""],
    behind: Float[Array, ""],
    *,
    when: Bool[Array, ""] | bool = True,
    mesh: Mesh | None = None,
) -> tuple[Any, dict[str, Float[Array, ""]]]:
    """The learner's state after an update on `trace`, and its metrics; if not `when`, the very same
    state and zeros.

    `behind` in [0, 1] is how much of the run is. With `mesh` devices share the columns.
    """
    axis = None if mesh is None else COLUMNS
    here = lambda *arguments: learner.update(*arguments, axis=axis)  # noqa: E731
    everywhere = over(mesh, here, (WHOLE, TRACE, WHOLE, WHOLE), WHOLE)

    def update(state: Any) -> tuple[Any, dict[str, Array]]:
        return everywhere(state, trace, key, behind)

    if when is True:
        return update(state)
    nothing = zeros(lambda state: update(state)[1], state)
    assert when is not False
    return branch(when, update, lambda state: (state, nothing), state)
