"""What a rollout leaves behind: time-major arrays of shape (T, B, ...)."""

from typing import NamedTuple

from jaxtyping import Array, Bool, Float, Int, PyTree


class Trace(NamedTuple):
    """T steps of B columns; each column plays one level, restarted when an episode ends.

    `terminated` and `truncated` mark the transition that ended an episode; a trailing episode
    may be unfinished. Every column starts a new episode at t = 0.
    """

    observation: PyTree[Array]
    action: Int[Array, "T B"]
    log_prob: Float[Array, "T B"]
    value: Float[Array, "T B"]
    reward: Float[Array, "T B"]
    terminated: Bool[Array, "T B"]
    truncated: Bool[Array, "T B"]
    solved: Bool[Array, "T B"]
    """True at the last transition of an episode that counts as success."""
    final_value: Float[Array, "T B"]
    """V of the observation an episode was truncated at, 0 elsewhere (0 if not bootstrapped)."""
    last_value: Float[Array, " B"]
    """V of the observation after the last transition; unused where that ended an episode."""

    @property
    def done(self) -> Bool[Array, "T B"]:
        """Where an episode ended, for either reason."""
        return self.terminated | self.truncated
