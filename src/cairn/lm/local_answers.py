"""A request to the local model, from what was asked to the pieces of its answers."""

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import AsyncIterator
from functools import lru_cache

import jax
import numpy as np

from cairn.lm.local_ask import Ask
from cairn.lm.local_engine import Engine, FullError, Order, Piece
from cairn.lm.local_fields import RefusedError
from cairn.lm.local_prompt import prompt_tokens, room_for
from cairn.lm.local_reply import Answer, Head
from cairn.lm.local_text import Text, word
from cairn.nn.language import slots as room
from cairn.nn.language.spoken import Spoken

FULL = "Too many requests are waiting. Ask again in a moment."


class FailedError(Exception):
    """The engine could not go on with an answer."""


class Answerer:
    """One local model under one name, and the engine that it answers by."""

    def __init__(self, spoken: Spoken, engine: Engine, name: str):
        self.spoken, self.engine, self.name = spoken, engine, name
        self.word = lru_cache(65536)(lambda token: word(spoken.tokenizer, token))
        """How a token is written."""

    def begin(self, ask: Ask) -> "Asked":
        """Let the engine answer. Raises RefusedError; else `close` it at the end."""
        return Asked(self, ask)


class Asked:
    """A request that is being answered."""

    def __init__(self, answerer: Answerer, ask: Ask):
        self._answerer, self.ask = answerer, ask
        spoken = answerer.spoken
        prompts = [prompt_tokens(spoken, prompt) for prompt in ask.prompts]
        context = answerer.engine.settings.context
        rooms = [room_for(ask, prompt, context) for prompt in prompts]
        prefix = "chatcmpl" if ask.api == "chat" else "cmpl"
        self.head = Head(f"{prefix}-{secrets.token_hex(12)}", int(time.time()), answerer.name)
        self.prompt = sum(map(len, prompts))
        """Tokens that were read."""
        self.completion = 0
        """Tokens that were said so far."""
        self._pieces: asyncio.Queue[tuple[int, Piece]] = asyncio.Queue()
        self._texts = [Text(spoken.tokenizer, ask.stop) for _ in range(len(prompts) * ask.n)]
        self._offsets = [0] * len(self._texts)
        loop = asyncio.get_running_loop()
        root = jax.random.key(secrets.randbits(31) if ask.seed is None else ask.seed % 2**31)

        def order(number: int) -> Order:
            which, answer = divmod(number, ask.n)

            def tell(piece: Piece) -> None:
                with contextlib.suppress(RuntimeError):  # the server has ended: nobody listens
                    loop.call_soon_threadsafe(self._pieces.put_nowait, (number, piece))

            return Order(
                prompts[which],
                np.asarray(room.answer_key(jax.random.fold_in(root, which), answer)),
                rooms[which],
                ask.temperature,
                ask.top_k,
                ask.top_p,
                spoken.stops if ask.ends else (),
                bool(ask.top),
                tell,
            )

        self._orders = [order(number) for number in range(len(self._texts))]
        try:
            answerer.engine.submit(self._orders)
        except FullError:
            raise RefusedError(FULL, code="rate_limit_exceeded", status=429) from None

    def close(self) -> None:
        """Nobody wants the rest."""
        for order in self._orders:
            order.cancelled = True

    async def pieces(self) -> AsyncIterator[Answer]:
        """What is said, as it comes; every answer's last piece has its finish reason.

        Raises FailedError if the engine cannot go on.
        """
        left = len(self._orders)
        while left:
            number, piece = await self._pieces.get()
            text = self._texts[number]
            if text.ended:
                continue  # it was on its way when a string ended the answer
            if piece.finish == "error":
                raise FailedError
            told = text.add(piece.tokens, last=piece.finish is not None)
            finish = "stop" if told.ended else piece.finish
            self._orders[number].cancelled |= told.ended
            self.completion += len(told.tokens)
            offset = self._offsets[number]
            self._offsets[number] += len(told.text)
            left -= finish is not None
            if told.tokens or finish:
                yield Answer(number, told.text, told.tokens, finish, offset)

    async def whole(self) -> list[Answer]:
        """All answers, in order."""
        found: list[list[Answer]] = [[] for _ in self._orders]
        async for piece in self.pieces():
            found[piece.number].append(piece)
        return [
            Answer(
                number,
                "".join(piece.text for piece in pieces),
                tuple(itertools.chain.from_iterable(piece.tokens for piece in pieces)),
                pieces[-1].finish,
            )
            for number, pieces in enumerate(found)
        ]
