"""What can go wrong with a call, sorted by what to do about it.

LMError
  AttemptFailedError    one attempt failed; says whether to try again and whether it may be paid
  RejectedError         the server will never answer this request (400): stored like an answer
    ModeratedError      because of what it says: a filter or moderation stopped it
  CallFailedError       attempts or time are used up: the trial fails, the run goes on
  UnreadableAnswerError an answer came, but not in the form asked for: the trial fails
    CutAnswerError      an answer that was cut short, filtered away, or says nothing
  EndpointRefusedError  wrong key, model or parameter, no credit: the run stops
    ParameterRefusedError  a parameter; from a server that took it before: this request never
  EndpointDownError     nothing but failures for too long: the run stops, resume later
  NeverReadableError    a model has yet to give one answer in the form asked for: the run stops
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from cairn.core.errors import CairnError

Reason = Literal["rate", "overload", "server", "connection", "timeout", "malformed"]


class LMError(CairnError):
    """A call to a language model that brought no answer."""


class TrialFailedError(LMError):
    """Base of the errors that end one trial and not the run; policies may raise it too."""


class RejectedError(TrialFailedError):
    """The server will never answer this request: it is too long, filtered, or malformed."""


class ModeratedError(RejectedError):
    """This request is not answered because of what it says: its response is missing, no more."""


class CallFailedError(TrialFailedError):
    """Attempts or time are used up."""


class UnreadableAnswerError(TrialFailedError):
    """An answer that does not hold what was asked for: a missing grade is not a grade."""


class CutAnswerError(UnreadableAnswerError):
    """An answer that was cut, filtered or empty, and so is none: never judge it as one."""


class EndpointRefusedError(LMError):
    """The server refuses every call of ours: wrong key, unknown model, no credit left, or a
    parameter that it does not take."""


class ParameterRefusedError(EndpointRefusedError):
    """A parameter is refused. It is the config's, unless requests with the same parameters were
    answered: then it is something about this request."""


class EndpointDownError(LMError):
    """Nothing but failures for too long."""


class NeverReadableError(LMError):
    """Many answers of a model, and not one in the form asked for."""


@dataclass
class AttemptFailedError(LMError):
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


def scrubbed(error: LMError, clean: Callable[[str], str]) -> LMError:
    """An error of the same type with `clean` applied to its text."""
    if isinstance(error, AttemptFailedError):
        return replace(error, message=clean(error.message))
    return type(error)(clean(str(error)))
