"""Places where a test can kill the process, to prove that a resumed run loses nothing.

`CAIRN_FAULT="checkpoint:before-rename:3"` in the environment of a process makes it SIGKILL itself
the third time it passes that point. Without the variable a point costs one comparison.
"""

import functools
import os
import signal
from collections import Counter

from cairn.core.errors import ConfigError

VARIABLE = "CAIRN_FAULT"
_passes: Counter[str] = Counter()
_off: list[bool] = []
"""Not empty once it is known that no fault is asked for."""


def point(name: str) -> None:
    """Die here if the environment variable asks for it; otherwise nothing."""
    if _off:  # a list, since what is in it is found faster than what a function returns
        return
    fault = _fault()
    if fault is None:
        _off.append(True)
        return
    if fault[0] != name:
        return
    _passes[name] += 1
    if _passes[name] == fault[1]:
        # The one signal no handler and no `finally` can soften.
        os.kill(os.getpid(), signal.SIGKILL)


@functools.cache
def _fault() -> tuple[str, int] | None:
    """(name, count), read at the first point and not at import."""
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    name, _, count = text.rpartition(":")
    if not name or not count.isdecimal() or int(count) < 1:
        raise ConfigError(
            f'{VARIABLE} must be "point:count" with count at least 1, got {text!r}, '
            f'for example "checkpoint:before-rename:1".'
        )
    return name, int(count)
