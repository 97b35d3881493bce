"""A model with the care of a long run: concurrency, pacing, retries, deadlines, a breaker.

    reserve -> breaker -> pace -> slot -> intent -> send -> settle -> (slot back) -> back off ...

The slot is given back before backing off, so calls that wait never hold up calls that can go.
"""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from cairn.core.errors import ConfigError
from cairn.lm.breaker import Breaker, Patience
from cairn.lm.errors import (
    AttemptFailedError,
    CallFailedError,
    EndpointDownError,
    EndpointRefusedError,
    LMError,
    RejectedError,
)
from cairn.lm.limiter import Concurrency, Limiter
from cairn.lm.pace import Pacer
from cairn.lm.request import Completion, LanguageModel, Request

REJECTED_FROM_THE_START = 20
"""So many rejections and never an answer: it is not the requests, it is the config."""


@dataclass(frozen=True)
class Flow:
    """How an endpoint is treated."""

    concurrency: Concurrency = field(default_factory=Concurrency)
    """Requests in flight."""
    patience: Patience = field(default_factory=Patience)
    """When to stop knocking."""
    requests_per_minute: float | None = None
    """Pace from the first request on; None: as fast as the server takes them."""
    timeout_s: float = 120.0
    """Longest wait for one reply."""
    deadline_s: float = 1800.0
    """Longest time from a call's first attempt to its answer, pauses included."""
    max_attempts: int = 6
    """Attempts per call. Refusals for the rate (429) do not count: the deadline bounds them."""
    backoff_s: float = 0.5
    """First pause; doubled each time, with jitter of half its length."""
    backoff_max_s: float = 60.0
    """Longest pause, unless the server asks for more."""

    def __post_init__(self):
        for name in ("timeout_s", "deadline_s", "backoff_s", "backoff_max_s", "max_attempts"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"Flow.{name} must be above 0, got {getattr(self, name)}")
        pace = self.requests_per_minute
        if pace is not None and not (pace > 0 and math.isfinite(pace)):
            raise ConfigError(
                f"Flow.requests_per_minute must be above 0 and finite, got {pace}. "
                f"Leave it out for no pace of ours."
            )


@runtime_checkable
class Meter(Protocol):
    """The books of one call; `cairn.lm.client` keeps them in the journal and the budget."""

    async def reserve(self) -> None:
        """Make room for one more attempt."""

    async def intend(self) -> None:
        """Note that it leaves now."""

    def settle(self, outcome: Completion | LMError) -> None:
        """Note how it ended."""

    def abandon(self) -> None:
        """Note that nobody waits for it any more."""


class NoMeter:
    """Keeps no books."""

    async def reserve(self) -> None:
        """Nothing to reserve."""

    async def intend(self) -> None:
        """Nothing to note."""

    def settle(self, outcome: Completion | LMError) -> None:
        """Nothing to note."""

    def abandon(self) -> None:
        """Nothing to note."""


class Endpoint:
    """A LanguageModel around another one; all calls to one server should share one endpoint."""

    def __init__(self, model: LanguageModel, flow: Flow | None = None):
        self.model = model
        self.flow = flow or Flow()
        self.name: str = getattr(model, "name", model.identity)
        self.redact: Callable[[str], str] = getattr(model, "redact", str)
        self.limiter = Limiter(self.flow.concurrency)
        self.pacer = Pacer(self.flow.requests_per_minute)
        self.breaker = Breaker(self.flow.patience, self.name)
        self.counts: Counter[str] = Counter()
        """Attempts, answers, and failures by reason."""
        self._random = random.Random()  # for jitter: moves moments, never results
        if hasattr(model, "on_headers"):
            model.on_headers = self.pacer.heed  # type: ignore[attr-defined]

    @property
    def identity(self) -> str:
        """That of the model inside."""
        return self.model.identity

    async def close(self) -> None:
        """Close the model inside, if it can be closed."""
        close: Callable[[], Any] | None = getattr(self.model, "close", None)
        if close is not None:
            await close()

    async def complete(
        self, request: Request, sample: str = "0", meter: Meter | None = None
    ) -> Completion:
        """One answer, after as many attempts as it takes.

        Raises RejectedError, CallFailedError, EndpointRefusedError, EndpointDownError, or what
        the meter raises.
        """
        meter = meter or NoMeter()
        clock = asyncio.get_running_loop().time
        began: float | None = None
        counted = refused = 0
        while True:
            await meter.reserve()
            try:
                outcome, began = await self._attempt(request, sample, meter, began)
            except BaseException:
                meter.abandon()
                raise
            meter.settle(outcome)
            if isinstance(outcome, Completion):
                return outcome
            if isinstance(outcome, RejectedError):
                self._check_rejections(outcome)
            if not isinstance(outcome, AttemptFailedError):
                raise outcome
            counted += outcome.reason != "rate"
            refused += outcome.reason == "rate"
            pause_s = self._pause_s(outcome, counted, refused)
            self._give_up(outcome, counted, clock() + pause_s - began)
            await asyncio.sleep(pause_s)

    async def _attempt(
        self, request: Request, sample: str, meter: Meter, began: float | None
    ) -> tuple[Completion | LMError, float]:
        """Wait for a turn and send once; (answer or error, when the call's first send was)."""
        episode, give_back = await self._admit()
        clock = asyncio.get_running_loop().time
        try:
            began = clock() if began is None else began
            left_s = began + self.flow.deadline_s - clock()
            if left_s <= 0:
                raise CallFailedError(f"{self.name}: no answer within {self.flow.deadline_s:g} s")
            await meter.intend()
            outcome = await self._send(request, sample, min(self.flow.timeout_s, left_s))
            self._learn(outcome, episode, probe=give_back is not None)
            return outcome, began
        finally:
            self.limiter.release()
            if give_back is not None:
                give_back()

    async def _admit(self) -> tuple[int, Callable[[], None] | None]:
        """Wait for breaker, pace and a slot, and take all three."""
        while True:
            give_back = await self.breaker.turn()
            try:
                await self.pacer.turn()
                episode = await self.limiter.acquire()
            except BaseException:
                if give_back is not None:
                    give_back()
                raise
            # While this call waited for its slot, the server may have asked for a pause.
            if not self.pacer.held() and (give_back is not None or not self.breaker.is_open):
                return episode, give_back
            self.limiter.release()
            if give_back is not None:
                give_back()

    async def _send(self, request: Request, sample: str, limit_s: float) -> Completion | LMError:
        self.counts["attempts"] += 1
        limit = asyncio.timeout(limit_s)
        try:
            async with limit:
                return await self.model.complete(request, sample)
        except TimeoutError:
            if not limit.expired():
                raise  # not ours: the model's own business
            message = f"{self.name}: no complete reply within {limit_s:.3g} s"
            return AttemptFailedError("timeout", message, maybe_paid=True)
        except LMError as error:
            return error

    def _learn(self, outcome: Completion | LMError, episode: int, *, probe: bool) -> None:
        """Let limiter, pacer and breaker know how an attempt ended."""
        if isinstance(outcome, Completion):
            self.counts["answers"] += 1
            self.breaker.answered()
            self.limiter.answered()
        elif isinstance(outcome, AttemptFailedError):
            self.counts[outcome.reason] += 1
            if outcome.reason in ("rate", "overload", "timeout"):
                self.limiter.congested(episode)
            if outcome.retry_after_s is not None:
                self.pacer.hold(outcome.retry_after_s)
            if outcome.reason == "rate":
                self.breaker.alive()
            else:
                self.breaker.failed(outcome.message, probe=probe)
        elif isinstance(outcome, RejectedError):
            self.counts["rejected"] += 1
            self.breaker.alive()

    def _pause_s(self, failure: AttemptFailedError, counted: int, refused: int) -> float:
        if failure.retry_after_s is not None:
            # The pacer holds everyone that long; the jitter keeps them from leaving together.
            return failure.retry_after_s + self._random.uniform(0, self.flow.backoff_s)
        doublings = min(max(counted, refused) - 1, 30)
        longest = min(self.flow.backoff_max_s, self.flow.backoff_s * 2.0**doublings)
        return longest * self._random.uniform(0.5, 1.0)

    def _give_up(self, failure: AttemptFailedError, counted: int, age_s: float) -> None:
        """Raise if there is to be no further attempt."""
        if counted >= self.flow.max_attempts:
            if not self.breaker.ever_answered:
                raise EndpointDownError(
                    f"{self.name} has never answered, and {counted} attempts failed, the last: "
                    f"{failure}. Is base_url right? Nothing is lost; resume when it works."
                )
            raise CallFailedError(f"{counted} attempts failed, the last: {failure}") from failure
        if age_s >= self.flow.deadline_s:
            raise CallFailedError(
                f"no answer within {self.flow.deadline_s:g} s, the last failure: {failure}"
            ) from failure

    def _check_rejections(self, error: RejectedError) -> None:
        """Raise EndpointRefusedError if everything was rejected since the start."""
        rejected = self.counts["rejected"]
        if rejected >= REJECTED_FROM_THE_START and not self.breaker.ever_answered:
            raise EndpointRefusedError(
                f"{self.name} rejected all of the first {rejected} requests, the last: "
                f"{error}. Check model and sampling."
            ) from error
