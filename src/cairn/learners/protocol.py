"""Who acts (policies), and who gets better (learners)."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Bool, Float, Key, PyTree, Shaped


class Acted(NamedTuple):
    """One decision for each of B episodes."""

    action: Shaped[Array, "B *action"]
    """Integers of a discrete policy, numbers (B, size) of a continuous one."""
    log_prob: Float[Array, " B"]
    value: Float[Array, " B"]
    """What the policy expects from here on; 0 if it does not say."""
    memory: PyTree
    extra: PyTree = None
    """Anything else about the decision that its learner wants back: leaves (B, ...)."""


class Actor(NamedTuple):
    """Somebody who acts: a policy and its state."""

    policy: "Policy"
    state: Any


@runtime_checkable
class Policy(Protocol):
    """Remembers and acts. It is pure: its state comes in with every call and never changes.

    A policy may have `keeps`, a tuple of `cairn.core.trace.Keep`: what its learner wants in traces.
    """

    @property
    def noise(self) -> tuple[int, ...]:
        """Shape of the uniform numbers one decision takes: () for a discrete action."""
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
        uniform: Float[Array, "B *noise"],
    ) -> Acted:
        """Act in B episodes; memory is emptied first where `reset`.

        `uniform` in [0, 1) is all the randomness there is.
        """
        ...


@runtime_checkable
class Learner(Policy, Protocol):
    """A policy that learns from its kind of batch: a trace, transitions of a dataset, ...

    Its state goes in and comes out. A frozen model's update is the identity.

    A learner may have `rested(state)`: the same without momentum, so that what has no gradient in
    the next updates stays as it is.
    """

    @property
    def gradient_steps(self) -> int:
        """Optimiser steps of one `update`."""
        ...

    def init(self, key: Key[Array, ""]) -> Any:
        """The state before learning. All its leaves are arrays: `trees.sealed` makes them so."""
        ...

    def update(
        self,
        state: Any,
        batch: Any,
        key: Key[Array, ""],
        progress: Float[Array, ""],
        axis: str | None = None,
    ) -> tuple[Any, dict[str, Float[Array, ""]]]:
        """Learn from one batch; `progress` in [0, 1] is how much of the run is behind.

        With `axis` the batch is this device's share of the columns, and all devices along that
        axis must come to the same state.
        """
        ...
