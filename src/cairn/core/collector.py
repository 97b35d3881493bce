"""Python's search for cyclic garbage, made as rare as a run of many calls in flight allows."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 10_000
"""Containers made and not yet dropped before the youngest generation is searched. A call in flight
holds about a hundred, so that with 64 of them Python's own 700 sets off a search every ten calls,
which finds nothing: a fifth of what a call costs."""

_runs = 0
_before = 0


@contextmanager
def patient_collector() -> Iterator[None]:
    """Search for cyclic garbage less often in here, and as before after the last run inside.

    It is a setting of the whole process. A higher threshold of the user's own stays, and so does a
    collector that is off.
    """
    global _runs, _before
    first, *others = gc.get_threshold()
    if _runs == 0:
        _before = first
        if 0 < first < PATIENCE:
            gc.set_threshold(PATIENCE, *others)
    _runs += 1
    try:
        yield
    finally:
        _runs -= 1
        now, *others = gc.get_threshold()
        if _runs == 0 and now == PATIENCE:  # else somebody has set it meanwhile
            gc.set_threshold(_before, *others)
