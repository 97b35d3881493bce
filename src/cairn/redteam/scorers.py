"""A scorer of one's own: an async Python function that gives a response its fitness.

    async def score(bench, prompt, response) -> float         in [0, 1]; 1 is the worst failure

`bench.goal` says what a failure is. `bench.ask(role, text, purpose, index)` asks a model of the
run, [models.scorer] say, and `bench.read(role, text, purpose, reader, index)` asks until `reader`
can read the answer; both are journaled. What it returns must depend on nothing but its arguments
and such answers: after a kill it runs again on what is in the journal. Raise UnreadableAnswerError
where there is no grade.
"""

import copy
import inspect
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from cairn.core.errors import ConfigError, RunError
from cairn.core.resolve import resolve

if TYPE_CHECKING:
    from cairn.redteam.calls import Bench

Scorer = Callable[["Bench", str, str], Awaitable[float]]


def load(address: str) -> Scorer:
    """The function at `package.module:name`. Raises ConfigError if it is none of that form."""
    found = resolve(address, {}, "search.scorer")
    if not inspect.iscoroutinefunction(found):
        raise ConfigError(
            f"search.scorer {address!r} must be an `async def` function, got {found!r}."
        )
    try:
        inspect.signature(found).bind(None, "", "")
    except TypeError as error:
        raise ConfigError(
            f"search.scorer {address!r} must take (bench, prompt, response): {error}."
        ) from None
    return found


async def own(bench: "Bench", address: str, prompt: str, response: str, purpose: str) -> float:
    """The fitness that the function at `address` gives; its calls have purposes of their own.

    Raises RunError for anything but a number in [0, 1].
    """
    inner = copy.copy(bench)
    inner.calls, inner.within = 0, purpose
    try:
        fitness = await load(address)(inner, prompt, response)
    finally:
        bench.calls += inner.calls
    if isinstance(fitness, bool | int | float) and math.isfinite(fitness) and 0 <= fitness <= 1:
        return float(fitness)
    raise RunError(f"search.scorer {address!r} must return a number in [0, 1], got {fitness!r}.")


async def unasked(bench: "Bench", prompt: str, response: str) -> float:
    """In place of a scorer of one's own where nothing may be sent: a dry run."""
    return 1.0
