"""A model with the care of a long run: concurrency, pacing, retries, deadlines, a breaker.

    reserve -> breaker -> pace -> slot -> intent -> send -> settle -> (slot back) -> back off ...

The slot is given back before backing off, so calls that wait never hold up calls that can go.
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from cairn.core.redact import printable
from cairn.lm.breaker import Breaker, unnamed
from cairn.lm.call import Call, form
from cairn.lm.completion import Completion
from cairn.lm.errors import (
    AttemptFailedError,
    CallFailedError,
    EndpointDownError,
    EndpointRefusedError,
    LMError,
    ParameterRefusedError,
    RejectedError,
)
from cairn.lm.flow import Flow, Meter, NoMeter
from cairn.lm.limiter import Limiter
from cairn.lm.pace import Pacer
from cairn.lm.request import LanguageModel, Request, Sampling

__all__ = ["Endpoint", "Flow", "Meter", "NoMeter"]

REJECTED_FROM_THE_START = 20
"""So many rejections and never an answer: it is not the requests, it is the config."""


LATER = "Nothing is lost; resume when it works."


class Endpoint:
    """A LanguageModel around another one; all calls to one server should share one endpoint."""

    def __init__(self, model: LanguageModel, flow: Flow | None = None):
        self.model = model
        self.flow = flow or Flow()
        self.name: str = getattr(model, "name", model.identity)
        self.redact: Callable[[str], str] = getattr(model, "redact", str)
        self.limiter = Limiter(self.flow.concurrency)
        self.pacer = Pacer(self.flow.requests_per_minute)
        self.breaker = Breaker(self.flow.patience, self.name, getattr(model, "hint", ""))
        self.counts: Counter[str] = Counter()
        """Attempts, answers, and failures by reason."""
        self._answered_at = -math.inf
        self._answered: set[tuple] = set()
        self._plain: Sampling | None = None
        self._refused_since: float | None = None
        self._asked_to_wait = ""
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

    def status(self) -> str:
        """Why nothing is sent, in a few words; nothing in good times. For a live line."""
        if not _in_a_loop():
            return ""
        if self.breaker.is_open:
            down_s = self.breaker.down_s()
            return _words(f"{self.name} is down for {down_s:.0f} s: {self.breaker.last}")
        left_s = self.pacer.left_s()
        if left_s < 1:
            return ""
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + left_s))
        return _words(f"{self.name} asks to wait until {until}: {self._asked_to_wait}")

    async def complete(
        self, request: Request, sample: str = "0", meter: Meter | None = None
    ) -> Completion:
        """One answer, after as many attempts as it takes.

        Raises RejectedError, CallFailedError, EndpointRefusedError, EndpointDownError, or what
        the meter raises.
        """
        meter = meter or NoMeter()
        call = Call(self.breaker, self.pacer, self.flow.longest_wait_s)
        while True:
            await meter.reserve()
            try:
                outcome = await self._attempt(request, sample, meter, call)
            except BaseException:
                meter.abandon()
                raise
            meter.settle(outcome)
            if isinstance(outcome, Completion):
                self._remember(request)
                return outcome
            if isinstance(outcome, ParameterRefusedError) and form(request) in self._answered:
                raise RejectedError(f"{outcome} (Others with the same parameters were answered.)")
            if isinstance(outcome, RejectedError):
                self._check_rejections(outcome)
            if not isinstance(outcome, AttemptFailedError):
                raise outcome
            call.failed(outcome)
            pause_s = self._pause_s(outcome, call)
            self._give_up(outcome, call, pause_s)
            await asyncio.sleep(pause_s)

    async def _attempt(
        self, request: Request, sample: str, meter: Meter, call: Call
    ) -> Completion | LMError:
        """Wait for a turn and send once: the answer or error."""
        episode, give_back = await self._admit()
        try:
            left_s = self.flow.deadline_s - call.age_s()
            if left_s <= 0:
                raise self._too_late(call)
            await meter.intend()
            outcome = await self._send(request, sample, min(self.flow.timeout_s, left_s))
            self._learn(outcome, episode, probe=give_back is not None)
            return outcome
        finally:
            self.limiter.release()
            if give_back is not None:
                give_back()

    async def _admit(self) -> tuple[int, Callable[[], None] | None]:
        """Wait for breaker, pace and a slot, and take all three."""
        while True:
            give_back = await self.breaker.turn()
            try:
                if self.pacer.left_s() > self.flow.longest_wait_s:
                    raise self._waits_too_long(self.pacer.left_s())
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
        # What asyncio.timeout does, at a third of its cost: this is passed by every call.
        task = asyncio.current_task()
        assert task is not None
        cancelling, expired = task.cancelling(), False

        def expire() -> None:
            nonlocal expired
            expired = True
            task.cancel()

        timer = asyncio.get_running_loop().call_later(limit_s, expire)
        outcome: Completion | LMError
        try:
            outcome = await self.model.complete(request, sample)
        except asyncio.CancelledError:
            if not expired and task.cancelling() == cancelling:
                message = f"{self.name} cancelled itself"
                return AttemptFailedError("server", message, maybe_paid=True)
            if not expired or task.uncancel() > cancelling:
                raise  # somebody else's wish
            message = f"{self.name}: no complete reply within {limit_s:.3g} s"
            return AttemptFailedError("timeout", message, maybe_paid=True)
        except LMError as error:
            outcome = error
        finally:
            timer.cancel()
        if expired:
            task.uncancel()  # it came in the very moment, or did not heed the cancellation
        return outcome

    def _learn(self, outcome: Completion | LMError, episode: int, *, probe: bool) -> None:
        """Let limiter, pacer and breaker know how an attempt ended."""
        if isinstance(outcome, Completion):
            self.counts["answers"] += 1
            self._answered_at = asyncio.get_running_loop().time()
            self._refused_since = None
            self.breaker.answered()
            self.limiter.answered()
        elif isinstance(outcome, AttemptFailedError):
            self.counts[outcome.reason] += 1
            if outcome.reason in ("rate", "overload", "timeout"):
                self.limiter.congested(episode)
            if outcome.retry_after_s is not None:
                self._asked_to_wait = outcome.message
                self.pacer.hold(outcome.retry_after_s)
            if outcome.reason == "rate":
                self.breaker.alive()
            else:
                self.breaker.failed(outcome.message, probe=probe)
        elif isinstance(outcome, RejectedError):
            self.counts["rejected"] += 1
            self._refused_since = None
            self.breaker.alive()

    def _remember(self, request: Request) -> None:
        """Note that requests of this form are answered."""
        if request.tools or request.schema or request.extra:
            self._answered.add(form(request))
        elif request.sampling is not self._plain:  # most are like the one before
            self._plain = request.sampling
            self._answered.add(form(request))

    def _pause_s(self, failure: AttemptFailedError, call: Call) -> float:
        if failure.retry_after_s is not None:
            # The pacer holds everyone that long; the jitter keeps them from leaving together.
            return failure.retry_after_s + self._random.uniform(0, self.flow.backoff_s)
        if self.breaker.is_open:
            return 0.0  # it has pauses of its own, and somebody has to knock
        doublings = min(max(call.failures, call.refused) - 1, 30)
        longest = min(self.flow.backoff_max_s, self.flow.backoff_s * 2.0**doublings)
        return longest * self._random.uniform(0.5, 1.0)

    def _give_up(self, failure: AttemptFailedError, call: Call, pause_s: float) -> None:
        """Raise if there is to be no further attempt."""
        flow = self.flow
        if not self.breaker.ever_answered and call.failures >= flow.max_attempts:
            last = unnamed(str(failure), self.name)
            raise EndpointDownError(
                f"{self.name} has never answered, and {call.failures} attempts failed, the last: "
                f"{last}.{self.breaker.hint} Nothing is lost; resume when it works."
            )
        if call.counted >= flow.max_attempts:
            raise CallFailedError(f"{call.counted} attempts failed, the last: {failure}")
        if failure.reason == "rate" or failure.retry_after_s is not None:
            now = asyncio.get_running_loop().time()
            self._refused_since = now if self._refused_since is None else self._refused_since
            waited_s = now - self._refused_since + (failure.retry_after_s or 0.0)
            if waited_s > flow.longest_wait_s:
                raise self._waits_too_long(waited_s)
        if call.age_s() + (0.0 if failure.retry_after_s else pause_s) >= flow.deadline_s:
            raise self._too_late(call)

    def _too_late(self, call: Call) -> LMError:
        message = f"no answer within {self.flow.deadline_s:g} s, the last failure: {call.last}"
        away = call.last is not None and call.last.reason == "overload"
        if (away or call.refused) and self._answered_at < call.began:
            # Nobody was answered in all that time: it is not this call.
            return EndpointDownError(f"{self.name}: {message}. {LATER}")
        return CallFailedError(message)

    def _waits_too_long(self, wait_s: float) -> EndpointDownError:
        return EndpointDownError(
            f"{self.name} asks to wait for {wait_s:.0f} s without an answer, which is longer than "
            f"longest_wait_s ({self.flow.longest_wait_s:g} s)"
            f"{': ' if self._asked_to_wait else ''}{self._asked_to_wait}. {LATER}"
        )

    def _check_rejections(self, error: RejectedError) -> None:
        """Raise EndpointRefusedError if everything was rejected since the start."""
        rejected = self.counts["rejected"]
        if rejected >= REJECTED_FROM_THE_START and not self.breaker.ever_answered:
            raise EndpointRefusedError(
                f"{self.name} rejected all of the first {rejected} requests, the last: "
                f"{error}. Check model and sampling; once they are right, resume --retry-failed "
                f"asks again what was rejected."
            ) from error


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _words(text: str) -> str:
    return printable(text, keep="")[:200]
