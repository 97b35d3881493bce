"""Pacing by what the server says in its headers, behind one lock per endpoint.

Headers understood: `retry-after` (seconds or date), `retry-after-ms`, and the
`x-ratelimit-{limit,remaining,reset}-{requests,tokens}` family of OpenAI-compatible servers.
Calls that wait hold no slot, and leave one after another at the interval of the pace, so that
calls which began to wait together do not leave together.
"""

import asyncio
import email.utils
import math
import re
import time
from collections.abc import Mapping

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST_S = 30 * 86400.0
"""No header is believed beyond this; a server's clock may be wrong."""


def seconds(text: str | None, *, now: float | None = None) -> float | None:
    """A duration from a header: `2`, `1.5`, `6m0s`, `20ms`, or an HTTP date. None if unreadable.

    `now` is Unix time, for dates.
    """
    if text is None:
        return None
    text = text.strip()
    try:
        value = float(text)
    except ValueError:
        value = _from_units(text)
        if value is None:
            value = _from_date(text, time.time() if now is None else now)
    if value is None or not math.isfinite(value):
        return None
    if 1e9 < value < 1e11:  # the moment itself, as seconds since 1970
        value -= time.time() if now is None else now
    return min(max(value, 0.0), LONGEST_S)


def _from_units(text: str) -> float | None:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _from_date(text: str, now: float) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() - now
    except (TypeError, ValueError, OverflowError):
        return None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the server asks to wait, if it says."""
    millis = seconds(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    # A date is one of the server's clock, and so is the date it was sent at.
    sent = _from_date(headers.get("date", ""), 0.0)
    return seconds(headers.get("retry-after"), now=sent)


_ALLOWANCES = [
    (kind, f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}")
    for kind in ("requests", "tokens")
]


class Pacer:
    """When the next request may leave."""

    def __init__(self, requests_per_minute: float | None = None):
        self._least_interval_s = 60 / requests_per_minute if requests_per_minute else 0.0
        self._interval_s = self._least_interval_s
        self._interval_until = 0.0
        self._next = 0.0
        self._held_from = self._held_until = self._held_s = 0.0
        self._lock = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until the next request may leave, and take that moment."""
        free = not self._next or self._next <= _now()
        if free and self._interval_s == 0 and not self._lock.locked():
            return
        async with self._lock:
            while (wait := self._next - _now()) > 0:
                await asyncio.sleep(wait)
            now = _now()
            if now >= self._interval_until:
                self._interval_s = self._least_interval_s
            self._next = max(self._next, now + self._interval_s)

    def held(self) -> bool:
        """Whether the server asked everyone to wait, and the wait is not over."""
        return self._next > 0 and self._next - _now() > max(self._interval_s, 0.001)

    def hold(self, wait_s: float) -> None:
        """Let nothing leave for a while."""
        now = _now()
        if now >= self._held_until:
            self._held_s += self._held_until - self._held_from
            self._held_from = self._held_until = now
        self._held_until = max(self._held_until, now + wait_s)
        self._next = max(self._next, self._held_until)

    def held_s(self) -> float:
        """How long it has been held in all, the present hold up to now included."""
        if not self._held_until:
            return self._held_s
        return self._held_s + max(min(_now(), self._held_until) - self._held_from, 0.0)

    def left_s(self) -> float:
        """How long the present hold will last."""
        return max(self._held_until - _now(), 0.0) if self._held_until else 0.0

    def heed(self, headers: Mapping[str, str]) -> None:
        """Spread what the server still allows over the time until it allows more."""
        for kind, remaining, reset in _ALLOWANCES:
            left = _count(headers.get(remaining))
            if left is None:
                continue
            reset_s = seconds(headers.get(reset))
            if reset_s is None or reset_s == 0:
                continue
            if left == 0:
                self.hold(reset_s)
            elif kind == "requests" and _scarce(left, headers):
                self._interval_s = max(self._least_interval_s, reset_s / left)
                self._interval_until = _now() + reset_s


def _scarce(left: int, headers: Mapping[str, str]) -> bool:
    # Above a tenth of the allowance there is nothing to spread yet.
    limit = _count(headers.get("x-ratelimit-limit-requests"))
    return limit is None or left * 10 <= limit


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None


def _now() -> float:
    return asyncio.get_running_loop().time()
