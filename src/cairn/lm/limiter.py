"""How many requests may be in flight: additive increase, multiplicative decrease.

Starts by growing one slot per answer (doubling per round trip), as TCP's slow start does; the
first sign of congestion ends that, and from then on a full round of answers adds one slot.
One episode of congestion counts once: refusals of requests that left before the last cut say
nothing new.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from cairn.core.errors import ConfigError


@dataclass(frozen=True)
class Concurrency:
    """Bounds and gains of the limiter."""

    start: int = 20
    """Slots at the beginning."""
    least: int = 1
    """Never fewer."""
    most: int = 256
    """Never more."""
    cut: float = 0.7
    """Factor at each episode of congestion. TCP takes 0.5, inspect_ai 0.8."""

    def __post_init__(self):
        if not 1 <= self.least <= self.start <= self.most:
            raise ConfigError(
                f"Concurrency needs 1 <= least <= start <= most, got least={self.least}, "
                f"start={self.start}, most={self.most}"
            )
        if not 0 < self.cut < 1:
            raise ConfigError(f"Concurrency.cut must lie in (0, 1), got {self.cut}")


class Limiter:
    """Slots, handed out first come first served."""

    def __init__(self, config: Concurrency):
        self.config = config
        self.limit = float(config.start)
        self.in_flight = 0
        self.cuts = 0
        self._slow_start = True
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def slots(self) -> int:
        """How many requests may be in flight now."""
        return int(self.limit)

    async def acquire(self) -> int:
        """Wait for a slot; returns the episode it belongs to, for `congested`."""
        if self._waiting or self.in_flight >= int(self.limit):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self.release()  # the slot came in the same turn as the cancellation
                raise
        else:
            self.in_flight += 1
        return self.cuts

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        if self._waiting:
            self._hand_out()

    def answered(self) -> None:
        """An answer came: grow, but only while the slots are really in use."""
        if self.in_flight * 2 < int(self.limit) or self.limit >= self.config.most:
            return
        gain = 1.0 if self._slow_start else 1.0 / self.limit
        self.limit = min(float(self.config.most), self.limit + gain)
        if self._waiting:
            self._hand_out()

    def congested(self, episode: int) -> None:
        """The server asked for less: cut once per episode."""
        if episode != self.cuts:
            return
        self.cuts += 1
        self._slow_start = False
        # From what was really in flight, if that is less than what was allowed.
        in_use = min(self.limit, float(max(self.in_flight, 1)))
        self.limit = max(float(self.config.least), in_use * self.config.cut)

    def _hand_out(self) -> None:
        while self._waiting and self.in_flight < self.slots:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
