"""What the engine asks of a learner."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core.trace import Trace


class Acted(NamedTuple):
    """One decision for each of B episodes."""

    action: Int[Array, " B"]
    log_prob: Float[Array, " B"]
    value: Float[Array, " B"]
    memory: PyTree


class Actor(NamedTuple):
    """Somebody who acts: a policy and its state."""

    policy: Any
    """Remembers and acts: `initial_memory` and `act` of a learner."""
    state: Any


@runtime_checkable
class Learner(Protocol):
    """A learner is pure: its state goes in and comes out. A frozen model's update is identity."""

    @property
    def gradient_steps(self) -> int:
        """Optimiser steps of one `update`."""
        ...

    def init(self, key: Key[Array, ""]) -> Any:
        """The state before learning."""
        ...

    def initial_memory(self, state: Any, batch: int) -> PyTree:
        """Empty memory for `batch` episodes."""
        ...

    def act(
        self,
        state: Any,
        observation: PyTree,
        memory: PyTree,
        reset: Bool[Array, " B"],
        uniform: Float[Array, " B"],
    ) -> Acted:
        """Act in B episodes; `uniform` in [0, 1) is all the randomness there is."""
        ...

    def update(
        self,
        state: Any,
        trace: Trace,
        key: Key[Array, ""],
        progress: Float[Array, ""],
        axis: str | None = None,
    ) -> tuple[Any, dict[str, Float[Array, ""]]]:
        """Learn from one rollout; `progress` in [0, 1] is how much of the run is behind.

        With `axis` the trace is this device's share of the columns, and all devices along that
        axis must come to the same state.
        """
        ...
