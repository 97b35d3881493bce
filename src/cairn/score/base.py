"""What every score is: an object that values levels by how they were played, and remembers."""

import abc
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, NamedTuple

from jaxtyping import Array, Bool, Float, PyTree

from cairn.core.returns import Number
from cairn.core.trace import Trace

Reading = Literal["return", "solved", "value", "steps"]
"""Of a whole episode: its return, whether it succeeded, the mean of a critic's values; or all of
its steps."""

STUDENT = "student"
"""The role of whoever learns from the levels."""


class Scored(NamedTuple):
    """A score per column."""

    score: Float[Array, " B"]
    """0 where not `valid`."""
    valid: Bool[Array, " B"]
    """False: the rollout does not tell. Neither insert nor overwrite."""
    seen: PyTree[Array]
    """What this rollout alone has shown, to be merged with what is remembered. Leaves (B, ...)."""


class Score(abc.ABC):
    """How much there is to learn from a level. The docstring's first line describes it.

    A subclass is a frozen dataclass. Its memory of a level is a pytree of arrays that the archive
    keeps and merges by `merge`, one visit after the other, so two laws hold:
    `merge(unseen(), seen) == seen`, and a rollout without a complete episode changes nothing.
    """

    roles: ClassVar[tuple[str, ...]] = (STUDENT,)
    """Whose traces it reads."""

    reads: ClassVar[tuple[Reading, ...]] = ("steps",)
    """What of an episode it reads. `solved`: it works only where episodes succeed or fail. All but
    `steps` can also be told by somebody who plays elsewhere (`cairn.Teacher`)."""

    oracle: ClassVar[bool] = False
    """Whether it must be `told` the best that can be reached before it is called: then it works
    only where the environment knows that (`Environment.optimal_return`)."""

    def told(self, optimal: Float[Array, " B"]) -> "Score":
        """The score that knows the best return of each column's level; where `oracle`, another."""
        return self

    @abc.abstractmethod
    def unseen(self, *shape: int) -> PyTree[Array]:
        """The memory of `shape` levels never played; `unseen()` is the archive's example."""

    @abc.abstractmethod
    def merge(self, memory: PyTree[Array], seen: PyTree[Array]) -> PyTree[Array]:
        """The memory after one more visit; leaf by leaf, for any leading axes.

        Where this is `cairn.core.trees.maximum` itself, the archive merges a whole batch at once.
        """

    @property
    def renew(self) -> Callable[[PyTree[Array]], Float[Array, "..."]] | None:
        """memory -> score, where the memory alone tells it: the archive then scores a level anew
        whenever its memory changes. None: a score is what the last rollout said."""
        return None

    @abc.abstractmethod
    def __call__(
        self, traces: Mapping[str, Trace], memory: PyTree[Array], gamma: Number, lam: Number
    ) -> Scored:
        """Score the level of each column: traces by role, what was remembered, discount γ, λ."""


class Forgetful(Score):
    """A score of what one rollout has shown, and nothing before."""

    def unseen(self, *shape: int) -> tuple[()]:
        """Nothing."""
        return ()

    def merge(self, memory: tuple[()], seen: tuple[()]) -> tuple[()]:
        """Nothing."""
        return ()
