"""Ctrl-C that is safe: asked to stop, a loop ends where nothing is lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Ctrl-C or SIGTERM asks the loop to stop after the chunk; a second one stops at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event  # only the main thread may handle signals
        return

    def ask(signum: int, frame: object) -> None:
        event.set()
        restore()

    def restore() -> None:
        for number, handler in before.items():
            # None: not of Python, so it cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, ask)
        yield event
    finally:
        restore()
