"""How an endpoint is treated, and the books of its calls."""

import math
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from cairn.core.errors import ConfigError
from cairn.lm.breaker import Patience
from cairn.lm.completion import Completion
from cairn.lm.errors import LMError
from cairn.lm.limiter import Concurrency


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
    """Longest time from a call's first attempt to its answer. While the endpoint is down, or asks
    everyone to wait, nobody's time runs."""
    longest_wait_s: float = 3600.0
    """Longest time to wait, without an answer, because the server asks for it; it asks for longer:
    the run stops, to be resumed."""
    max_attempts: int = 6
    """Attempts per call. What says nothing about the request does not count: refusals for the rate
    or the load, connections that never opened, and all failures while the endpoint is down."""
    backoff_s: float = 0.5
    """First pause; doubled each time, with jitter of half its length."""
    backoff_max_s: float = 60.0
    """Longest pause, unless the server asks for more."""

    def __post_init__(self):
        positive = ("timeout_s", "deadline_s", "longest_wait_s", "backoff_s", "backoff_max_s")
        for name in (*positive, "max_attempts"):
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

    def reserve(self) -> Awaitable[None]:
        """Make room for one more attempt."""
        ...

    def intend(self) -> Awaitable[None]:
        """Note that it leaves now."""
        ...

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
