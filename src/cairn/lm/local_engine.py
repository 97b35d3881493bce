"""The local model at work: one thread that gives every answer under way its next tokens.

Whoever asks while others are being answered is let in at the next round, as soon as a slot is
free, and leaves its slot to the next when its answer ends.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt32

from cairn.core.errors import ConfigError
from cairn.lm.local_text import Token
from cairn.nn.language import slots as room
from cairn.nn.language.spoken import Spoken

log = logging.getLogger(__name__)
SMALLEST = 32
"""Prompts are padded to this many tokens, or twice as many, and so on: a program for each."""


class FullError(Exception):
    """So many are waiting that no more are let in."""


class Piece(NamedTuple):
    """What has come of an answer since the last piece."""

    tokens: tuple[Token, ...]
    finish: str | None = None
    """stop, length or error; None while there is more to come."""


@dataclass(eq=False)
class Order:
    """One answer that is wanted."""

    prompt: tuple[int, ...]
    key: UInt32[np.ndarray, "2"]
    """Names the draw: `slots.answer_key`."""
    most: int
    temperature: float
    top_k: int
    top_p: float
    ends: tuple[int, ...]
    """Tokens that end it."""
    top: bool
    """Whether the likeliest tokens are wanted too."""
    tell: Callable[[Piece], None]
    """Called by the engine's thread; must return at once."""
    cancelled: bool = False
    """Set by who no longer wants it; its slot is free at the next round."""
    length: int = field(default=0, init=False)
    """Tokens in its slot so far."""


@dataclass(frozen=True)
class Settings:
    """How much is done at once."""

    slots: int = 8
    """Answers under way at a time."""
    context: int = 1024
    """Most tokens of a prompt and its answer."""
    steps: int = 4
    """Tokens of each answer between two looks at who comes and goes."""
    waiting: int = 1024
    """Most answers that wait for a slot; beyond, requests are refused."""

    def __post_init__(self):
        for name, value in vars(self).items():
            if value < 1:
                raise ConfigError(f"{name} must be at least 1, got {value}.")


class Engine:
    """Answers orders until it is closed."""

    def __init__(self, spoken: Spoken, settings: Settings):
        """Raises ConfigError for a model that ends its answers in too many ways."""
        if len(spoken.stops) > room.ENDS:
            raise ConfigError(
                f"A model may have {room.ENDS} tokens that end answers, this has "
                f"{len(spoken.stops)}."
            )
        self.settings = settings
        self._model = spoken.model.unstacked()
        self._read = jax.jit(room.read)
        self._enter = jax.jit(room.enter, donate_argnums=0)
        self._advance = jax.jit(
            room.advance, static_argnames=("steps", "top"), donate_argnames="slots"
        )
        self._changed = threading.Condition()
        self._queue: deque[Order] = deque()
        self._closed = False
        self._held: list[Order | None] = [None] * settings.slots
        self._known: tuple[tuple[int, ...], Any] | None = None
        """The prompt that was read last: several answers to one are one reading."""
        self.rounds = 0
        """Calls of the compiled loop so far."""
        self.answers = 0
        """Answers begun so far."""
        self._clear()
        self._thread = threading.Thread(target=self._work, name="cairn-lm", daemon=True)
        self._thread.start()

    def submit(self, orders: list[Order]) -> None:
        """Have these answered, all or none. Raises FullError."""
        with self._changed:
            if self._closed or len(self._queue) + len(orders) > self.settings.waiting:
                raise FullError
            self._queue.extend(orders)
            self._changed.notify()

    def close(self) -> None:
        """End the thread; what is under way is told that it failed."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _clear(self) -> None:
        """Empty slots, of the smallest size."""
        self._size = min(2 * SMALLEST, self.settings.context)
        self._slots = room.empty(self._model, self.settings.slots, self._size)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._queue or self._closed or any(self._held)):
                    self._changed.wait()
                closed = self._closed
                coming = [] if closed else self._coming()
            if closed:
                self._fail([*self._queue])
                return
            try:
                for place, order in coming:
                    self._begin(place, order)
                if any(self._held):
                    self._round()
            except Exception:
                log.exception("The engine failed; what was under way is lost.")
                self._fail([order for _, order in coming])
                self._known = None
                self._clear()

    def _coming(self) -> list[tuple[int, Order]]:
        """Who is let in now, and where."""
        free = [place for place, order in enumerate(self._held) if order is None]
        found = []
        while free and self._queue:
            order = self._queue.popleft()
            if not order.cancelled:
                found.append((free.pop(0), order))
        return found

    def _fail(self, others: list[Order]) -> None:
        for order in {id(order): order for order in [*self._held, *others] if order}.values():
            order.tell(Piece((), "error"))
        self._held = [None] * self.settings.slots

    def _begin(self, place: int, order: Order) -> None:
        """Read a prompt, unless it is the last one again, and put it into a slot."""
        length = len(order.prompt)
        if self._known is None or self._known[0] != order.prompt:
            bucket = SMALLEST
            while bucket < length:
                bucket *= 2
            bucket = min(bucket, self.settings.context)
            padded = np.zeros(bucket, np.int32)
            padded[bucket - length :] = order.prompt
            known = self._read(self._model, jnp.asarray(padded), jnp.int32(length))
            self._known = order.prompt, known
        self._make_room(max(self._known[1].keys[0].shape[1], length + 1))
        wanted = room.Wanted(
            jnp.asarray(order.key),
            jnp.int32(order.most),
            jnp.float32(order.temperature),
            jnp.int32(order.top_k),
            jnp.float32(order.top_p),
            jnp.array(order.ends + (-1,) * (room.ENDS - len(order.ends)), jnp.int32),
        )
        self._slots = self._enter(self._slots, jnp.int32(place), self._known[1], wanted)
        order.length = length
        self._held[place] = order
        self.answers += 1

    def _make_room(self, needed: int) -> None:
        """Longer slots, twice as long each time: attention costs by their length."""
        size = self._size
        while size < needed:
            size *= 2
        size = min(size, self.settings.context)
        if size > self._size:
            longer = self._model.longer(self._slots.suffix, size - self._size)
            self._slots = self._slots._replace(suffix=longer)
            self._size = size

    def _round(self) -> None:
        """A few tokens for everybody; who has ended leaves."""
        held = [order if order and not order.cancelled else None for order in self._held]
        longest = max((order.length for order in held if order), default=0)
        self._make_room(longest + self.settings.steps)
        keep = jnp.asarray([order is not None for order in held])
        top = any(order.top for order in held if order)
        self._slots, said = self._advance(
            self._model, self._slots, keep, steps=self.settings.steps, top=top
        )
        found, live = jax.device_get((said, self._slots.live))
        self.rounds += 1
        for place, order in enumerate(held):
            if order is not None:
                order.tell(piece := _piece(found, place, order, bool(live[place])))
                order.length += len(piece.tokens)
                held[place] = None if piece.finish else order
        self._held = held
        if not any(held) and self._size > 2 * SMALLEST:
            self._clear()


def _piece(said: room.Said, place: int, order: Order, live: bool) -> Piece:
    """What one slot said in a round."""
    there = said.there[:, place]
    pick = partial(np.compress, there, axis=0)
    ids, logp, logp_model = (
        pick(part[:, place]).tolist() for part in (said.token, said.logp, said.logp_model)
    )
    tops: list[tuple[tuple[int, float], ...]] = [()] * len(ids)
    if order.top and said.top is not None and said.top_logp is not None:
        pairs = zip(
            pick(said.top[:, place]).tolist(), pick(said.top_logp[:, place]).tolist(), strict=True
        )
        tops = [tuple(zip(*pair, strict=True)) for pair in pairs]
    tokens = tuple(map(Token, ids, logp, logp_model, tops))
    if live:
        return Piece(tokens)
    return Piece(tokens, "stop" if tokens and tokens[-1].id in order.ends else "length")
