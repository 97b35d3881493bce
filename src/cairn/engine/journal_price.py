"""Price a run before it starts: rehearse some trials on stand-ins, count, and multiply.

Nothing is sent. The counts are those of the policy's own code; the tokens are upper bounds (bytes
of the prompts, longest answers), so the run costs at most about this much, and usually a fraction.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cairn.core.budget import Amount, Limits
from cairn.core.errors import ConfigError
from cairn.core.journal import Journal
from cairn.engine.journal_policy import Policy
from cairn.engine.journaled import Config, run
from cairn.lm.client import Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.prices import most_usage
from cairn.lm.request import Completion, LanguageModel, Request


@dataclass(frozen=True)
class Quote:
    """What a role will need at most, if all trials are like the rehearsed ones."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    micros: int | None
    """Money; None without a price."""

    def plus(self, other: "Quote") -> "Quote":
        """Both together."""
        known = None not in (self.micros, other.micros)
        return Quote(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            (self.micros or 0) + (other.micros or 0) if known else None,
        )

    def times(self, n: int) -> "Quote":
        """The same n times."""
        micros = None if self.micros is None else n * self.micros
        return Quote(n * self.calls, n * self.prompt_tokens, n * self.completion_tokens, micros)


class _Counting:
    """A stand-in that counts what the real model would have been asked."""

    def __init__(self, inner: LanguageModel, role: Role):
        self.inner, self.role = inner, role
        self.calls = self.prompt = self.completion = self.micros = 0

    @property
    def identity(self) -> str:
        return f"rehearsal:{self.inner.identity}"

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        most = most_usage(request)
        self.calls += 1
        self.prompt += most.prompt
        self.completion += most.completion
        self.micros += 0 if self.role.price is None else self.role.price.most(most)
        return await self.inner.complete(request, sample)


async def dry_run(
    policy: Policy,
    *,
    config: Config,
    roles: Mapping[str, Role],
    stand_ins: Mapping[str, LanguageModel],
    rehearse: int = 20,
) -> dict[str, Quote]:
    """A quote per role, from `rehearse` trials on stand-ins (scripted models that answer in the
    form the policy expects).

    Raises ConfigError if a role has no stand-in.
    """
    missing = sorted(set(roles) - set(stand_ins))
    if missing:
        raise ConfigError(f"dry_run needs a stand-in for every role; missing: {missing}.")
    trials = min(rehearse, config.trials)
    counting = {name: _Counting(stand_ins[name], role) for name, role in roles.items()}
    cast = {name: Role(Endpoint(model)) for name, model in counting.items()}
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal(Path(folder) / "rehearsal.sqlite", config={}) as journal,
    ):
        stage = journal.stage("rehearsal")
        await run(policy, stage, config=replace(config, trials=trials), roles=cast)
    # Rounded up: a quote is an upper bound.
    scale = lambda count: -(-count * config.trials // max(trials, 1))  # noqa: E731
    return {
        name: Quote(
            calls=scale(model.calls),
            prompt_tokens=scale(model.prompt),
            completion_tokens=scale(model.completion),
            micros=None if roles[name].price is None else scale(model.micros),
        )
        for name, model in counting.items()
    }


def check_quote(quotes: Mapping[str, Quote], limits: Limits) -> list[str]:
    """Which limits a quote exceeds, one line each."""
    total = Amount(
        calls=sum(quote.calls for quote in quotes.values()),
        tokens=sum(quote.prompt_tokens + quote.completion_tokens for quote in quotes.values()),
        micros=sum(quote.micros or 0 for quote in quotes.values()),
    )
    return [
        f"the run may need {getattr(total, part)} {part}, the limit is {getattr(limits, part)}"
        for part in Amount._fields
        if getattr(limits, part) is not None and getattr(total, part) > getattr(limits, part)
    ]
