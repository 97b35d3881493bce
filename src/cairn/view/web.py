"""All that is known here of starlette and uvicorn. Importing it without them says what to do."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType
from urllib.parse import parse_qs

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.view.security import App

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import RedirectResponse, Response, StreamingResponse
    from starlette.routing import Route
except ImportError:
    raise MissingExtraError(
        'cairn view needs starlette and uvicorn, which are missing: pip install "cairn[view]"'
    ) from None

__all__ = [
    "ClientDisconnect",
    "HTTPException",
    "Middleware",
    "RedirectResponse",
    "Request",
    "Response",
    "Route",
    "Starlette",
    "StreamingResponse",
    "form",
    "listen",
    "run_in_threadpool",
    "serve",
]
GRACE_S = 2
"""How long an answer under way may take to end after Ctrl-C."""


class _Server(uvicorn.Server):
    """A server that tells whoever streams that it is about to end, and leaves signals to us."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]):
        super().__init__(config)
        self._ending = ending
        self.interrupted = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come. A second one ends what is under way at once."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()  # uvicorn would raise them again after it has ended
        self.interrupted = True
        self._ending()


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound to `host` and `port`; 0 is a free one.

    Raises OSError if it is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A server that has just ended leaves its port in waiting; this takes it none the less.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


def serve(app: App, bound: socket.socket, ending: Callable[[], None]) -> bool:
    """Answer until a signal ends it; whether one did. The process is to end then: Ctrl-C is deaf.

    `ending` is called from the signal's handler: streams must end after it, or they are cut off.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="critical",  # what goes wrong in a page is logged where pages are made
        proxy_headers=False,
        access_log=False,
        server_header=False,
        ws="none",
        http="h11",
        loop="asyncio",
        lifespan="on",
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=30,
    )
    server = _Server(config, ending)

    # Before uvicorn listens for Ctrl-C and after it has ended, the same handler does: an exception
    # raised in the midst of making an event loop would leave half of one behind.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, server.handle_exit)
    try:
        asyncio.run(server.serve(sockets=[bound]))
    except KeyboardInterrupt:
        return True
    return server.interrupted


async def form(request: Request, most: int) -> dict[str, str]:
    """The fields of a posted form, the last of each name.

    Raises ConfigError beyond `most` bytes, or if it is no such form.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise ConfigError(f"Expected a form (application/x-www-form-urlencoded), got {kind!r}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ConfigError(f"The form is longer than {most:,} bytes. Write less.")
    try:
        found = parse_qs(
            body.decode(), keep_blank_values=True, max_num_fields=1000, errors="strict"
        )
    except ValueError:
        raise ConfigError("The form is not UTF-8, or has too many fields.") from None
    return {name: values[-1] for name, values in found.items()}
