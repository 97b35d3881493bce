"""The models of one trial as its code asks them: each role with its own settings, calls counted."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from cairn.lm.answers import whole_text
from cairn.lm.cast import Application, Model, Player
from cairn.lm.client import Client
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.readings import Reading, verdict
from cairn.lm.request import Completion, Message, Request, Sampling

R = TypeVar("R")
Order = Literal["ours-first", "theirs-first"]
"""In which order two texts are shown to a judge."""


@dataclass
class Bench:
    """The models of one trial, with each role's settings, and a count of the calls."""

    clients: Mapping[str, Client]
    players: Mapping[str, Player]
    """Whose `system` and sampling a role's requests carry; a role without one has the defaults."""
    reading: Reading
    readings: int = 3
    """Samples asked for until an answer can be read."""
    systems: Mapping[str, str] = field(default_factory=dict)
    """System prompts by role, where the player has none of its own."""
    version: str = ""
    """Of the templates: part of every cache key."""
    logprobs: Mapping[str, int] = field(default_factory=dict)
    """By role, log-probabilities asked for at each place."""
    calls: int = 0

    async def ask(
        self, role: str, text: str, purpose: str, index: int = 0, *, system: str | None = None
    ) -> Completion:
        """One answer of a role to one user turn."""
        self.calls += 1
        request = self._request(role, text, system)
        return await self.clients[role].complete(request, purpose=purpose, sample_index=index)

    async def read(
        self, role: str, text: str, purpose: str, reader: Callable[[str], R], index: int = 0
    ) -> R:
        """An answer in the form asked for, from `readings` samples at most.

        Raises UnreadableAnswerError after that: a missing grade is not a grade, and an answer that
        was cut short or says nothing is none.
        """

        def whole(answer: Completion) -> R:
            return reader(whole_text(answer, by=role))

        for attempt in range(self.readings):
            answer = await self.ask(role, text, purpose, index * self.readings + attempt)
            try:
                return self.reading.read(role, answer, whole)
            except UnreadableAnswerError:
                if attempt == self.readings - 1:
                    raise
        raise AssertionError("readings is at least 1")

    async def choose(
        self, role: str, text: str, purpose: str, choices: Mapping[str, int], index: int = 0
    ) -> int:
        """The number of the word in `choices` that a role's answer ends with, read as by `read`."""
        return await self.read(role, text, purpose, lambda t: verdict(t, choices, by=role), index)

    def _request(self, role: str, text: str, system: str | None) -> Request:
        player, logprobs = self.players.get(role), self.logprobs.get(role, 0)
        sampling = Sampling(logprobs=logprobs)
        if isinstance(player, Model | Application):
            system, sampling = player.system or system, player.sampling(logprobs)
        system = system or self.systems.get(role)
        head = () if system is None else (Message("system", system),)
        return Request((*head, Message("user", text)), sampling, self.version)


async def in_both_orders(
    one: Callable[[Order, int], Coroutine[Any, Any, R]], count: int
) -> tuple[tuple[R, R], ...]:
    """`count` pairs of verdicts on two texts, each pair once in both orders."""
    orders: list[tuple[Order, int]] = [
        (order, i) for i in range(count) for order in ("ours-first", "theirs-first")
    ]
    # A coroutine per vote: awaiting one object twice would count one call twice.
    found = await together(*(one(order, i) for order, i in orders))
    return tuple(zip(found[::2], found[1::2], strict=True))


async def together(*coroutines: Coroutine[Any, Any, R]) -> list[R]:
    """Await all at once; the first error is raised after all have ended."""
    results = await asyncio.gather(*coroutines, return_exceptions=True)
    values = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        values.append(result)
    return values
