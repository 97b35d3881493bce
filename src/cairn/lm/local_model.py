"""A local model as a player in the process itself: no server, and answers that can be repeated.

Each answer is drawn by a seed of its own, from what is asked and the name of the sample, so equal
requests have equal answers whoever is answered beside them (see `local_engine`).
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cairn.lm.completion import Completion, Usage
from cairn.lm.errors import AttemptFailedError, RejectedError
from cairn.lm.local_answers import Answerer, FailedError
from cairn.lm.local_ask import Ask
from cairn.lm.local_engine import Engine, Settings
from cairn.lm.local_fields import RefusedError
from cairn.lm.request import Request, cache_key
from cairn.nn.language.spoken import Spoken


@dataclass(frozen=True)
class LocalModel:
    """Answers requests by a model that `opened` loads when it is first asked."""

    opened: Callable[[], Spoken]
    digest: str
    """Of its weights and its words: part of the cache key."""
    settings: Settings = field(default_factory=Settings)
    seed: int = 0
    """Another seed draws other answers."""
    _kept: list[Answerer] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def identity(self) -> str:
        """The model's digest, and the seed."""
        return f"local:{self.digest}:{self.seed}"

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """One answer, with its tokens counted. Log-probabilities, tools and forms are not given.

        Raises RejectedError for what the model cannot be asked (too long, characters that it does
        not know), AttemptFailedError where too many wait or the engine fails.
        """
        if not self._kept:
            spoken = await asyncio.to_thread(self.opened)
            if not self._kept:  # another request may have waited for the same
                self._kept.append(Answerer(spoken, Engine(spoken, self.settings), self.digest))
        try:
            asked = self._kept[0].begin(self._ask(request, sample))
        except RefusedError as error:
            if error.status == 429:
                raise AttemptFailedError("overload", str(error)) from None
            raise RejectedError(str(error)) from None
        try:
            [answer] = await asked.whole()
        except FailedError:
            raise AttemptFailedError("server", "the local engine failed") from None
        finally:
            asked.close()
        usage = Usage(asked.prompt, asked.completion)
        return Completion(answer.text, answer.finish or "stop", usage)

    async def close(self) -> None:
        """End the engine's thread."""
        while self._kept:
            await asyncio.to_thread(self._kept.pop().engine.close)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_kept": []}  # another process opens its own

    def _ask(self, request: Request, sample: str) -> Ask:
        how = request.sampling
        drawn = hashlib.blake2b(cache_key(self.identity, request, sample), digest_size=8)
        turns = tuple({"role": m.role, "content": m.content} for m in request.messages)
        return Ask(
            api="chat",
            prompts=(turns,),
            n=1,
            most=how.max_tokens,
            temperature=1.0 if how.temperature is None else how.temperature,
            top_k=0,
            top_p=how.top_p,
            seed=int.from_bytes(drawn.digest(), "big") >> 1,
            stop=how.stop,
            ends=True,
            top=None,
            processed=False,
            token_ids=False,
            stream=False,
            usage=False,
        )
