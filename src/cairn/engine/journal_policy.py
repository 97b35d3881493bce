"""What a journaled method is: a policy, what it may count on, and what it promises.

The engine promises

- **one order**: `asked` follows each `ask` at once; in trial order `tell` comes for trial 0, 1,
  2 ...; and after each `tell` the policy is asked until it runs `lag` trials ahead of the tells,
  or says `WAIT`. So a policy that never waits is asked once after each tell, at once and in the
  state which that tell made, whatever was killed, limited or slow;
- **asking beyond the end**: up to `lag` trials after the last are asked and not evaluated, so that
  a run which is made longer later goes on along the same path;
- **what was journaled**: `evaluate`, `asked` and `tell` get trials and outcomes as they come out of
  the journal (tuples are lists), live as in a replay;
- **no outcome by accident**: what `evaluate` returns is not told if a limit, an endpoint that is
  down, or the end of the session kept it from an answer, even if it caught that error.

A policy promises what `Policy` says of each method. `cairn.engine.conformance.check` tests it.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from cairn.core.draws import DrawKey
from cairn.core.errors import RunError
from cairn.lm.client import Clients

S = TypeVar("S")


class Wait:
    """The type of `WAIT`."""

    def __repr__(self) -> str:
        return "WAIT"


WAIT = Wait()
"""An ask's answer for "not yet": the policy is asked again after the next tell."""


@dataclass(frozen=True)
class Failed:
    """What a policy is told about a trial without an outcome. A failure is not a score of 0."""

    kind: Literal["failure", "timeout"]
    error: str
    """Name of the error."""
    message: str
    """Its wording: a server's, often, with numbers of requests in it. Keep it out of the state:
    `cairn.engine.journal_failures` finds it for a report."""


@runtime_checkable
class Policy(Protocol[S]):
    """What a journaled method is. All but `evaluate` are pure and quick.

    Pure: the result depends on the arguments alone (no clock, no randomness but the key's, nothing
    kept in `self`), and the arguments stay as they are. Trials and outcomes are JSON values (str,
    int, float, bool, None, lists, dicts with string keys).

    Two methods may be left out: `asked(state, trial) -> S`, the state after a trial was asked, for
    policies whose asks depend on what was asked before; and `describe(state) -> str`, a few words
    for the live line, and in further lines what a terminal shows below it.
    """

    def init(self) -> S:
        """The state before the first trial."""
        ...

    def ask(self, state: S, trial_id: int, key: DrawKey, pending: Sequence[Any]) -> Any:
        """What to try next: the trial, as a JSON value, or `WAIT`.

        All its draws come from `key`, which belongs to `trial_id`: asked again after a `WAIT`, it
        has the same. `pending` are the trials that were asked and not yet told, in trial order,
        whether their outcomes have arrived or not: at most `lag` - 1 of them. With nothing
        pending no tell can come, so then it must not wait.
        """
        ...

    async def evaluate(self, trial: Any, clients: Clients) -> Any:
        """Try it: the outcome, as a JSON value.

        It must be a function of the trial, of the answers of `clients` and of `clients.key`, since
        after a kill it runs again on the journaled answers. Raise a TrialFailedError where there
        is no outcome.
        """
        ...

    def tell(self, state: S, trial: Any, outcome: Any) -> S:
        """The state after an outcome, or after a `Failed`, of which only `kind` and `error` may
        move it."""
        ...

    def done(self, state: S) -> bool:
        """Whether to stop before the last trial."""
        ...

    def dump(self, state: S) -> bytes:
        """The state as bytes: equal states, equal bytes."""
        ...

    def load(self, body: bytes) -> S:
        """The state that was dumped: nothing may depend on whether a state was loaded."""
        ...


def after_asking(policy: Policy[S], state: S, trial: Any) -> S:
    """The policy's `asked`; the state itself without one."""
    asked = getattr(policy, "asked", None)
    return state if asked is None else asked(state, trial)


def check_ask(policy: Policy[S]) -> None:
    """Raise RunError if `ask` is of the form that it had before `pending`."""
    try:
        inspect.signature(policy.ask).bind(None, 0, None, ())
    except TypeError:
        raise RunError(
            f"{name_of(policy)}.ask must take (state, trial_id, key, pending): `pending` are the "
            f"trials that were asked and not yet told."
        ) from None
    except ValueError:
        pass  # something without a signature: the call will tell


def name_of(policy: object) -> str:
    """What messages call a policy."""
    return type(policy).__name__


def described(policy: Policy[S], state: S) -> str:
    """The policy's words about its state, if it has any."""
    describe = getattr(policy, "describe", None)
    return "" if describe is None else str(describe(state))
