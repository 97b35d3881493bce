"""Python that a compiled program calls: what goes wrong in it comes out as it was.

JAX wraps whatever a callback raises in an error of its own, whose text is a page long, raises it
when the result is waited for, and logs the first one besides.
"""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from cairn.core.errors import CairnError

P = ParamSpec("P")
R = TypeVar("R")
_raised: list[CairnError] = []
_LOGGER = logging.getLogger("jax._src.callback")
"""JAX's own, which writes a traceback of every error of a callback."""


def kept(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, whose CairnErrors `told` raises again."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except CairnError as error:
            _raised.append(error)
            raise

    return called


@contextmanager
def told() -> Iterator[None]:
    """Within, a compiled program is waited for; the first error of what it calls is raised, and
    said nowhere else."""

    def others(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], CairnError))

    _raised.clear()
    _LOGGER.addFilter(others)
    try:
        yield
    except Exception as error:
        if _raised and error is not _raised[0]:
            raise _raised[0] from None
        raise
    finally:
        _LOGGER.removeFilter(others)
