"""A circuit breaker: after many failures in a row, one careful probe at a time.

closed -> open after `failures` in a row; open for `cooldown_s`, doubled after each failed probe;
then one request goes through: an answer closes the breaker, a failure opens it again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from cairn.core.checks import at_least, not_negative
from cairn.lm.errors import EndpointDownError


@dataclass(frozen=True)
class Patience:
    """When to stop knocking."""

    failures: int = 10
    """Failures in a row, over all calls, that open the breaker."""
    cooldown_s: float = 1.0
    """First pause; doubled after each failed probe."""
    cooldown_max_s: float = 60.0
    """Longest pause."""
    probes: int = 10
    """Failed probes in a row after which the run stops (about five minutes)."""
    first_probes: int = 3
    """The same for a server that has never answered: its address is probably wrong."""

    def __post_init__(self):
        at_least(self, 1, "failures", "probes", "first_probes")
        not_negative(self, "cooldown_s", "cooldown_max_s")


class Breaker:
    """The breaker of one endpoint."""

    def __init__(self, config: Patience, name: str, hint: str = ""):
        """`hint` says what to check if there has never been an answer."""
        self.config = config
        self.name = name
        self.hint = f" {hint}" if hint else ""
        self.ever_answered = False
        self.is_open = False
        self.last = ""
        """The last failure, in words."""
        self._opened_at = self._open_s = 0.0
        self._in_a_row = 0
        self._failed_probes = 0
        self._probing = False
        self._open_until = 0.0
        self._changed = asyncio.Event()
        self._dead: str | None = None

    async def turn(self) -> Callable[[], None] | None:
        """Wait until a request may leave.

        Returns None in good times, and a function that gives the probe back if the request is
        the probe and ends without a verdict (it was cancelled, or refused for its rate).
        Raises EndpointDownError when the probes are used up.
        """
        while True:
            if self._dead is not None:
                raise EndpointDownError(self._dead)
            if not self.is_open:
                return None
            wait_s = self._open_until - asyncio.get_running_loop().time()
            if wait_s <= 0 and not self._probing:
                self._probing = True
                return self._give_back
            await self._wait(wait_s if not self._probing else None)

    def down_s(self) -> float:
        """How long it has been open by now; 0 if it is not."""
        return asyncio.get_running_loop().time() - self._opened_at if self.is_open else 0.0

    def open_s(self) -> float:
        """How long it has been open in all, up to now: time that is nobody's deadline."""
        return self._open_s + self.down_s()

    def answered(self) -> None:
        """The server works."""
        self.ever_answered = True
        self.alive()

    def alive(self) -> None:
        """The server is there, even if it said no."""
        self._in_a_row = self._failed_probes = 0
        if self.is_open:
            self._open_s = self.open_s()
            self.is_open = self._probing = False
            self._notify()

    def failed(self, message: str, *, probe: bool) -> None:
        """A request failed in a way that says something about the server."""
        self._in_a_row += 1
        self.last = message
        if probe:
            self._probing = False
            self._failed_probes += 1
        allowed = self.config.probes if self.ever_answered else self.config.first_probes
        if self._failed_probes >= allowed:
            hint = "" if self.ever_answered else f" It has never answered.{self.hint}"
            self._dead = (
                f"{self.name} does not work: {self._in_a_row} failures in a row, the last: "
                f"{unnamed(message, self.name)}.{hint} Nothing is lost; resume when it is back."
            )
        if probe or (not self.is_open and self._in_a_row >= self.config.failures):
            if not self.is_open:
                self._opened_at = asyncio.get_running_loop().time()
            self.is_open = True
            pause = self.config.cooldown_s * 2.0**self._failed_probes
            pause = min(pause, self.config.cooldown_max_s)
            self._open_until = asyncio.get_running_loop().time() + pause
        self._notify()

    def _give_back(self) -> None:
        self._probing = False
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait(self, wait_s: float | None) -> None:
        changed = self._changed
        try:
            async with asyncio.timeout(wait_s):
                await changed.wait()
        except TimeoutError:
            pass


def unnamed(message: str, name: str) -> str:
    """A failure's words without the server's name, where that has been said."""
    return message.removeprefix(name).lstrip(": ")
