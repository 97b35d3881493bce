"""What a journaled method is: a policy, and what it is told of a trial that failed."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from cairn.core.draws import DrawKey
from cairn.lm.client import Clients

S = TypeVar("S")


@dataclass(frozen=True)
class Failed:
    """What a policy is told about a trial without an outcome. A failure is not a score of 0."""

    kind: Literal["failure", "timeout"]
    error: str
    """Name of the error."""
    message: str


@runtime_checkable
class Policy(Protocol[S]):
    """What a journaled method is. All but `evaluate` are pure and quick.

    Trials and outcomes are JSON values (str, int, float, bool, None, lists, dicts with string
    keys); what `evaluate` and `tell` get has been through the journal, live as in a replay.
    """

    def init(self) -> S:
        """The state before the first trial."""
        ...

    def ask(self, state: S, trial_id: int, key: DrawKey) -> Any:
        """What to try next: the trial, as a JSON value. All its draws come from `key`."""
        ...

    async def evaluate(self, trial: Any, clients: Clients) -> Any:
        """Try it: the outcome, as a JSON value.

        It must be a function of the trial and of the answers of `clients`, since after a kill it
        runs again on the journaled answers. Raise a TrialFailed for a trial without an outcome.
        """
        ...

    def tell(self, state: S, trial: Any, outcome: Any) -> S:
        """The state after an outcome, or after a `Failed`."""
        ...

    def done(self, state: S) -> bool:
        """Whether to stop before the last trial."""
        ...

    def dump(self, state: S) -> bytes:
        """The state as bytes: equal states, equal bytes."""
        ...

    def load(self, body: bytes) -> S:
        """The state that was dumped."""
        ...
