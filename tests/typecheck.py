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

# An int where a float is annotated is fine for every type checker (PEP 484), so here too. What
# does not fit is a TypeError, as Python's own are: code makes a message of either.
check = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeError))
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
    # A name in a text may not be there: of a later class, or imported for type checkers alone.
    function.__annotations__ = {n: Any if _named(hint) else hint for n, hint in hints.items()}
    try:
        made = check(function)
    finally:
        function.__annotations__ = hints
    if any(map(_shaped, hints.values())):
        return _jaxtyped(made, typechecker=None)  # axes of one call, beartype within
    return made


def _named(hint: Any) -> bool:
    """Whether it is a text, or a class or type that is made of one."""
    parts = (*typing.get_args(hint), *getattr(hint, "__orig_bases__", ()))
    return isinstance(hint, str | typing.ForwardRef) or any(
        map(_named, (part for part in parts if part is not hint))
    )


def _shaped(hint: Any) -> bool:
    """Whether it speaks of arrays or trees."""
    parts = hint if isinstance(hint, list) else typing.get_args(hint)
    return type(hint).__module__.startswith("jaxtyping") or any(map(_shaped, parts))
