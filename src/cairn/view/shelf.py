"""What was read or made is kept for a while, within bounds: the least recently used goes first."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Shelf(Generic[T]):
    """A few things by key, each used by one thread at a time."""

    def __init__(self, most: int, gone: Callable[[T], None]):
        """`gone` is called with what leaves, once nobody uses it."""
        self._most = most
        self._gone = gone
        self._things: OrderedDict[Hashable, tuple[threading.Lock, T]] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def use(self, key: Hashable, make: Callable[[], T]) -> Iterator[T]:
        """The thing of this key, made if it is not here; nobody else has it meanwhile."""
        with self._lock:
            if key not in self._things:
                self._things[key] = threading.Lock(), make()
            self._things.move_to_end(key)
            lock, thing = self._things[key]
            over = len(self._things) - self._most
            left = [self._things.popitem(last=False)[1] for _ in range(over)]
        self._let_go(left)
        with lock:
            yield thing

    def clear(self) -> None:
        """Let everything go."""
        with self._lock:
            left = list(self._things.values())
            self._things.clear()
        self._let_go(left)

    def _let_go(self, left: list[tuple[threading.Lock, T]]) -> None:
        for lock, thing in left:
            with lock:
                self._gone(thing)


class Kept:
    """Pictures and tables that a page links to, by a digest of what they hold."""

    def __init__(self, most_bytes: int):
        self._most = most_bytes
        self._size = 0
        self._content: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, content: bytes, ending: str) -> str:
        """Keep it; the name by which it is found."""
        name = f"{hashlib.sha256(content).hexdigest()[:32]}.{ending}"
        with self._lock:
            if name not in self._content:
                self._content[name] = content
                self._size += len(content)
            self._content.move_to_end(name)
            while self._size > self._most and len(self._content) > 1:
                _, gone = self._content.popitem(last=False)
                self._size -= len(gone)
        return name

    def find(self, name: str) -> bytes:
        """What was kept. Raises KeyError if it never was, or is no longer."""
        with self._lock:
            self._content.move_to_end(name)
            return self._content[name]
