"""The checker that conftest.py puts on every annotated function of cairn.

As jaxtyping would do it by itself, that takes milliseconds for every function of every module that
is imported, and ten times what beartype takes for every call. So nothing is prepared for functions
that no test calls; only annotations of arrays and trees, which share names of axes, are jaxtyping's
affair; and beartype checks arguments and result in one go.
"""

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

# An int where a float is annotated is fine for every type checker (PEP 484), so here too.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
_jaxtyped = jaxtyping.jaxtyped


def install() -> None:
    """Have every module of cairn that is imported from now on checked."""
    jaxtyping.install_import_hook("cairn", "typecheck.check")
    jaxtyping.jaxtyped = jaxtyped  # what the hook writes before every function and class


def jaxtyped(thing: Any = None, *, typechecker: Any) -> Any:
    """In the place of jaxtyping's own: of a dataclass, what makes one is checked."""
    if thing is None:
        return functools.partial(jaxtyped, typechecker=typechecker)
    if inspect.isfunction(thing):
        return checked(thing) if thing.__annotations__ else thing
    if dataclasses.is_dataclass(thing) and "__init__" in vars(thing):
        thing.__init__ = jaxtyped(thing.__init__, typechecker=typechecker)
    return thing


def checked(function: Callable) -> Callable:
    """`function`, whose arguments and results are checked from the first call on."""
    made: Callable | None = None

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        nonlocal made
        if made is None:
            made = _made(function)
        return made(*args, **kwargs)

    return wrapper


def _made(function: Callable) -> Callable:
    hints = function.__annotations__
    if any(isinstance(hint, str) for hint in hints.values()):
        # Of names that are not there (imported for type checkers alone), jaxtyping asks nothing.
        return _jaxtyped(function, typechecker=check)
    if any(map(_shaped, hints.values())):
        return _jaxtyped(check(function), typechecker=None)  # axes of one call, beartype within
    return check(function)


def _shaped(hint: Any) -> bool:
    """Whether it speaks of arrays or trees."""
    parts = hint if isinstance(hint, list) else typing.get_args(hint)
    return type(hint).__module__.startswith("jaxtyping") or any(map(_shaped, parts))
