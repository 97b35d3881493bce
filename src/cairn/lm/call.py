"""One call at an endpoint: what it has behind it, and what it has in common with others."""

import asyncio
import math

from cairn.lm.breaker import Breaker
from cairn.lm.errors import AttemptFailedError
from cairn.lm.pace import Pacer
from cairn.lm.request import Request


class Call:
    """What one call has behind it."""

    __slots__ = (
        "_breaker", "_held_s", "_longest_wait_s", "_open_s", "_pacer", "began", "counted",
        "failures", "last", "refused",
    )  # fmt: skip

    def __init__(self, breaker: Breaker, pacer: Pacer, longest_wait_s: float):
        self._breaker, self._pacer, self._longest_wait_s = breaker, pacer, longest_wait_s
        self.began = math.inf
        self.counted = 0
        """Failures that may be this request's own fault."""
        self.failures = 0
        """All failures but refusals for the rate."""
        self.refused = 0
        """Refusals for the rate."""
        self.last: AttemptFailedError | None = None

    def age_s(self) -> float:
        """Time since this was first asked, which is when the first attempt leaves, without what was
        the endpoint's and no fault of this call."""
        if self.began == math.inf:
            self.began = asyncio.get_running_loop().time()
            self._open_s, self._held_s = self._breaker.open_s(), self._pacer.held_s()
            return 0.0
        held_s = self._pacer.held_s() - self._held_s
        # A request that alone is refused again and again (too large for the allowance) must end.
        paused_s = min(held_s, self._longest_wait_s)
        paused_s += self._breaker.open_s() - self._open_s
        return asyncio.get_running_loop().time() - self.began - paused_s

    def failed(self, failure: AttemptFailedError) -> None:
        """Count a failed attempt."""
        self.last = failure
        rate = failure.reason == "rate"
        self.refused += rate
        self.failures += not rate
        never_sent = failure.reason == "connection" and not failure.maybe_paid
        elsewhere = never_sent or failure.reason == "overload" or self._breaker.is_open
        self.counted += not (rate or elsewhere)


def form(request: Request) -> tuple:
    """All of a request but its content: two of the same form have the same parameters."""
    sampling = request.sampling
    return (
        sampling.temperature, sampling.top_p, sampling.max_tokens, *sampling.stop,
        sampling.logprobs, sampling.seed is None, sampling.reasoning_effort, sampling.token_ids,
        bool(request.tools), request.schema is None, request.tool_choice, *sorted(request.extra),
    )  # fmt: skip
