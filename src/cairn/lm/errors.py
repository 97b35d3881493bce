"""What can go wrong with a call, sorted by what to do about it.

LMError
  AttemptFailed    one attempt failed; says whether to try again and whether it may be paid
  Rejected         the server will never answer this request (400): stored like an answer
  CallFailed       attempts or time are used up: the trial fails, the run goes on
  UnreadableAnswer an answer came, but not in the form asked for: the trial fails
  EndpointRefused  wrong key, unknown model, no credit: the run stops
  EndpointDown     nothing but failures for too long: the run stops, resume later
"""

from dataclasses import dataclass
from typing import Literal

from cairn.core.errors import CairnError

Reason = Literal["rate", "overload", "server", "connection", "timeout", "malformed"]


class LMError(CairnError):
    """A call to a language model that brought no answer."""


class TrialFailed(LMError):
    """Base of the errors that end one trial and not the run; policies may raise it too."""


class Rejected(TrialFailed):
    """The server will never answer this request: it is too long, filtered, or malformed."""


class CallFailed(TrialFailed):
    """Attempts or time are used up."""


class UnreadableAnswer(TrialFailed):
    """An answer that does not hold what was asked for: a missing grade is not a grade."""


class EndpointRefused(LMError):
    """The server refuses every call of ours: wrong key, unknown model, no credit left."""


class EndpointDown(LMError):
    """Nothing but failures for too long."""


@dataclass
class AttemptFailed(LMError):
    """One attempt that may be repeated. Holds plain values only, so that it can be pickled."""

    reason: Reason
    message: str
    maybe_paid: bool = False
    """Whether the server may have answered, and charged for, the lost reply."""
    retry_after_s: float | None = None
    """What the server asked for."""

    def __str__(self) -> str:
        return self.message

    def __hash__(self) -> int:
        return id(self)
