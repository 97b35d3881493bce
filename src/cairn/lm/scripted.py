"""Models without a server: a pure function of request and key, and any async function."""

import asyncio
import hashlib
import inspect
import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from cairn.core.draws import DrawKey
from cairn.core.redact import printable
from cairn.lm.completion import Completion, Usage
from cairn.lm.errors import AttemptFailedError, LMError
from cairn.lm.request import Request, cache_key

log = logging.getLogger(__name__)


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
    which may be repeated and may have cost something. The error names the file and line where it
    was raised, and the first from each place is logged with its traceback.
    """

    function: Callable[[Request], Awaitable[str | Completion]]
    name: str
    """Part of the cache key."""
    revision: str = ""
    """Part of the cache key too: change it when the application changes, and no answer of the
    older one stands for an answer of this one. `source_digest` makes one."""
    _logged: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    hint: ClassVar[str] = "The function raises each time: mend it."

    @property
    def identity(self) -> str:
        """The name, and the revision if there is one."""
        return f"function:{self.name}" + (f"@{self.revision}" if self.revision else "")

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """What the function says."""
        try:
            answer = await self.function(request)
        except LMError:
            raise
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # it is this call that is cancelled
            raise self._blamed(error) from error
        except Exception as error:
            raise self._blamed(error) from error
        if not isinstance(answer, str | Completion):
            kind = type(answer).__name__
            message = f"{self.name}: expected a string or a Completion, got {kind}"
            raise AttemptFailedError("malformed", message, maybe_paid=True)
        return _as_completion(request, answer)

    def _blamed(self, error: BaseException) -> AttemptFailedError:
        """An error of the application with the place where it was raised."""
        frames = traceback.extract_tb(error.__traceback__)[1:]  # without `complete` itself
        kind = type(error).__name__
        place = ""
        if frames:
            place = f" (in {frames[-1].name}, {frames[-1].filename}, line {frames[-1].lineno})"
        if kind + place not in self._logged:
            self._logged.add(kind + place)
            # Without the error's own words, in which a key may stand: the message has them, and
            # is cleaned before anyone sees it.
            stack = "".join(traceback.format_list(frames)).rstrip()
            log.warning("%s raised %s:\n%s", self.name, kind, printable(stack))
        words = f"{kind}: {error}" if str(error) else kind
        message = printable(f"{self.name}: {words}{place}", keep="")
        return AttemptFailedError("server", message, maybe_paid=True)


def source_digest(function: Callable[..., Any]) -> str:
    """A revision for a function: 12 hex digits over the file it is written in, or over the
    function's name where there is no such file."""
    try:
        source = Path(inspect.getfile(inspect.unwrap(function))).read_bytes()
    except (TypeError, OSError):
        source = getattr(function, "__qualname__", "").encode()
    return hashlib.sha256(source).hexdigest()[:12]


def _as_completion(request: Request, answer: str | Completion) -> Completion:
    if isinstance(answer, Completion):
        return answer
    words = sum(len(message.content.split()) for message in request.messages)
    return Completion(answer, usage=Usage(prompt=words, completion=len(answer.split())))
