"""Timing work inside this process."""

import math
import time
from collections.abc import Callable

Work = Callable[[int], None]
"""Does its work so many times, and waits for all of it."""


def times(work: Work, least_s: float) -> int:
    """How often to do the work so that it takes `least_s`; compiles it first."""
    work(1)
    return max(1, math.ceil(least_s / seconds(work)))


def seconds(work: Work, times: int = 1) -> float:
    """Seconds for each time, after one that does not count: what ran before left cold caches."""
    work(1)
    begin = time.perf_counter()
    work(times)
    return (time.perf_counter() - begin) / times
