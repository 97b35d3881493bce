"""What a rollout leaves behind: time-major arrays of shape (T, B, ...)."""

from typing import Literal, NamedTuple

import jax
from jaxtyping import Array, Bool, Float, PyTree, Shaped

Keep = Literal["start", "successor", "extra", "state"]
"""What a trace holds only if it is asked to: the fields `start` and `reset`; `successor`; `extra`;
`state`."""


class Start(NamedTuple):
    """What each of B columns brings into a rollout that goes on from another."""

    memory: PyTree[Array]
    episode_return: Float[Array, " B"]
    """Of the episode under way."""


class Trace(NamedTuple):
    """T steps of B columns by one player; a column goes on after an episode's end, or stands still.

    `terminated` and `truncated` mark the transition that ended an episode; a trailing episode
    may be unfinished. Every column starts a new episode at t = 0, unless the rollout went on from
    another. The fields from `weight` on are None unless the rollout has reason to keep them.
    """

    observation: PyTree[Array]
    action: Shaped[Array, "T B *action"]
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
    weight: Float[Array, "T B"] | None = None
    """How much a step counts in a loss: 0 where the column stood still after its end. There
    reward and value are 0 and nothing ends, so that advantages are 0 as well."""
    start: Start | None = None
    """What the columns brought with them; every leaf has the columns in front, without time."""
    reset: Bool[Array, "T B"] | None = None
    """Where memory was emptied before the step."""
    successor: PyTree[Array] | None = None
    """The observation after each step, at an episode's end the one that ended it."""
    extra: PyTree[Array] | None = None
    """What else the policy said at each step: `Acted.extra`."""
    state: PyTree[Array] | None = None
    """The environment's state before each step: where another episode may begin."""

    @property
    def done(self) -> Bool[Array, "T B"]:
        """Where an episode ended, for either reason."""
        return self.terminated | self.truncated

    def columns(self, chosen: Shaped[Array, " n"] | slice) -> "Trace":
        """Some columns, whole: time is never cut."""
        timed = self._replace(last_value=None, start=None)
        part = jax.tree.map(lambda leaf: leaf[:, chosen], timed)
        ends = (self.last_value, self.start)
        last_value, start = jax.tree.map(lambda leaf: leaf[chosen], ends)
        return part._replace(last_value=last_value, start=start)
