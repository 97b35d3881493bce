"""Models without a server: a pure function of request and key, and any async function."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cairn.core.draws import DrawKey
from cairn.lm.errors import AttemptFailed, LMError
from cairn.lm.request import Completion, Request, Usage, cache_key


@dataclass(frozen=True)
class ScriptedModel:
    """Answers by `script(request, key)`, where the key names the draw.

    Equal requests with equal samples and seeds give equal answers, in any order and any process.
    """

    script: Callable[[Request, DrawKey], str | Completion]
    name: str = "scripted"
    """Part of the cache key: two scripts need two names."""
    seed: int = 0
    """Another seed is another model of the same kind."""
    latency_s: float = 0.0
    """How long an answer takes."""

    @property
    def identity(self) -> str:
        """Name and seed."""
        return f"scripted:{self.name}:{self.seed}"

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """The script's answer; a plain string gets a usage of one token per word."""
        if self.latency_s > 0:
            await asyncio.sleep(self.latency_s)
        key = DrawKey.root(self.seed).child(cache_key(self.identity, request, sample).hex())
        return _as_completion(request, self.script(request, key))


@dataclass(frozen=True)
class FunctionModel:
    """Any async function from request to text as a model, so that an application can be the target.

    An LMError passes through; every other exception of the function counts as a failed attempt,
    which may be repeated and may have cost something.
    """

    function: Callable[[Request], Awaitable[str | Completion]]
    name: str
    """Part of the cache key: change it when the application changes."""

    @property
    def identity(self) -> str:
        """The name."""
        return f"function:{self.name}"

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """What the function says."""
        try:
            answer = await self.function(request)
        except LMError:
            raise
        except Exception as error:
            message = f"{self.name}: {type(error).__name__}: {error}"
            raise AttemptFailed("server", message, maybe_paid=True) from error
        if not isinstance(answer, str | Completion):
            kind = type(answer).__name__
            message = f"{self.name}: expected a string or a Completion, got {kind}"
            raise AttemptFailed("malformed", message, maybe_paid=True)
        return _as_completion(request, answer)


def _as_completion(request: Request, answer: str | Completion) -> Completion:
    if isinstance(answer, Completion):
        return answer
    words = sum(len(message.content.split()) for message in request.messages)
    return Completion(answer, usage=Usage(prompt=words, completion=len(answer.split())))
