"""The world that a policy is tried in: models that are uneven, or silent, and moments to die at."""

import asyncio
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cairn.engine.conformance_probe import brief
from cairn.engine.journal_policy import Policy, name_of
from cairn.lm.client import Clients, Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import CallFailedError
from cairn.lm.limiter import Concurrency
from cairn.lm.request import Completion, LanguageModel, Request


class Moments:
    """Copies the journal's folder at chosen moments: what a kill at that moment would leave."""

    def __init__(self, folder: Path, chosen: frozenset[int] = frozenset()):
        self.folder, self.chosen = folder, chosen
        self.passed = 0
        self.left: list[Path] = []

    def __call__(self) -> None:
        """One more moment has passed."""
        self.passed += 1
        if self.passed - 1 in self.chosen:
            copy = self.folder / f"answer {self.passed}"
            shutil.copytree(self.folder / "to-kill", copy)
            self.left.append(copy)


def uneven_roles(
    models: Mapping[str, LanguageModel],
    failing: float,
    jitter: random.Random | None,
    moments: Moments | None,
) -> dict[str, Role]:
    """The roles, each model failing in a share of its calls and answering in whatever order."""
    flow = Flow(Concurrency(start=64, most=64))
    return {
        name: Role(Endpoint(_Uneven(model, failing, jitter, moments), flow))
        for name, model in models.items()
    }


def uneven(inner: Policy, jitter: random.Random | None, moments: Moments | None) -> Policy:
    """The policy, its outcomes in whatever order, under its own name."""

    async def evaluate(self: object, trial: Any, clients: Clients) -> Any:
        outcome = await inner.evaluate(trial, clients)
        await _dawdle(jitter)
        if moments is not None:
            moments()
        return outcome

    members: dict[str, Any] = {
        "evaluate": evaluate,
        "__getattr__": lambda self, name: getattr(inner, name),
    }
    made: Any = type(name_of(inner), (), members)()
    return made


async def _dawdle(jitter: random.Random | None) -> None:
    for _ in range(0 if jitter is None else jitter.randrange(20)):
        await asyncio.sleep(0)


class _Uneven:
    """A model that fails now and then, and answers in whatever order."""

    def __init__(
        self,
        inner: LanguageModel,
        failing: float,
        jitter: random.Random | None,
        moments: Moments | None,
    ):
        self.inner, self.failing, self.jitter = inner, failing, jitter
        self.moments = moments
        self.identity = inner.identity

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        await _dawdle(self.jitter)
        # The same calls fail in every run.
        if random.Random(f"{request!r} {sample}").random() < self.failing:
            raise CallFailedError("a call that always fails, to see what becomes of its trial")
        answer = await self.inner.complete(request, sample)
        if self.moments is not None:
            self.moments()
        return answer


class Silent:
    """A model that must not be asked."""

    def __init__(self, inner: LanguageModel):
        self.identity = inner.identity

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """No answer."""
        raise CallFailedError(f"it asks {brief(request.messages[-1].content)}")
