"""The local model as an OpenAI-compatible server. All that is known here of aiohttp's server."""

import asyncio
import contextlib
import json
import logging
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from cairn.core.errors import MissingExtraError
from cairn.core.redact import Secret
from cairn.lm import local_reply as reply
from cairn.lm.local_answers import Answerer, Asked, FailedError
from cairn.lm.local_ask import read_ask
from cairn.lm.local_fields import RefusedError
from cairn.lm.openai import PATHS, Api

log = logging.getLogger(__name__)
MOST_BYTES = 8 * 2**20
"""A longer request is refused."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
BROKEN = "The model failed while it answered. Ask again."
Handler = Callable[[Any], Awaitable[Any]]


def app(answerer: Answerer, *, key: Secret | None = None, hosts: tuple[str, ...] = ()) -> Any:
    """An aiohttp application. With `key`, who asks must have it.

    `hosts` are the names under which it may be reached; none: any. A page of another site can make
    a browser send requests to this machine, but not under this machine's own name.

    Raises MissingExtraError without aiohttp.
    """
    web = _web()
    made = web.Application(
        middlewares=[_plainly(web), _guard(web, key, hosts)], client_max_size=MOST_BYTES
    )
    about = {"id": answerer.name, "object": "model", "created": 0, "owned_by": "cairn"}
    about["max_model_len"] = answerer.engine.settings.context

    async def models(request: Any) -> Any:
        return web.json_response({"object": "list", "data": [about]})

    async def model(request: Any) -> Any:
        if request.match_info["name"] != answerer.name:
            raise RefusedError(
                f"The model {request.match_info['name']!r} does not exist here: there is "
                f"{answerer.name}.",
                code="model_not_found",
                status=404,
            )
        return web.json_response(about)

    async def health(request: Any) -> Any:
        return web.json_response({"status": "ok"})

    made.router.add_get("/health", health)
    made.router.add_get("/v1/models", models)
    made.router.add_get("/v1/models/{name:.+}", model)
    for api, path in PATHS.items():
        made.router.add_post("/v1" + path, _answering(web, answerer, api))
    return made


@contextlib.asynccontextmanager
async def serving(made: Any, bound: socket.socket) -> AsyncIterator[None]:
    """Answer on a socket for as long as this is open."""
    web = _web()
    # With cancellation, a slot is free at once when its client hangs up.
    runner = web.AppRunner(made, access_log=None, handler_cancellation=True, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.SockSite(runner, bound).start()
        yield
    finally:
        await runner.cleanup()


def _web() -> Any:
    try:
        from aiohttp import web
    except ImportError:
        raise MissingExtraError(
            "cairn lm serve needs aiohttp, which is missing: pip install 'cairn[lm]'"
        ) from None
    return web


def _answering(web: Any, answerer: Answerer, api: Api) -> Handler:
    async def answer(request: Any) -> Any:
        if request.content_type != "application/json":
            raise RefusedError(
                f"Expected a body of type application/json, got {request.content_type}.", status=415
            )
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError) as error:
            raise RefusedError(f"The body is not valid JSON: {error}.") from None
        ask = read_ask(body, api, frozenset({answerer.name}))
        asked = answerer.begin(ask)
        try:
            if ask.stream:
                return await _stream(web, request, answerer, asked)
            answers = await asked.whole()
            return web.json_response(
                reply.whole(ask, asked.head, answers, answerer.word, asked.prompt)
            )
        except FailedError:
            raise RefusedError(BROKEN, status=500) from None
        finally:
            asked.close()

    return answer


async def _stream(web: Any, request: Any, answerer: Answerer, asked: Asked) -> Any:
    """Send pieces as they come. What fails on the way can only be said in the stream itself."""
    ask = asked.ask
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    begun: set[int] = set()
    with contextlib.suppress(ConnectionError):  # the client has gone: its slot is freed
        try:
            async for piece in asked.pieces():
                if ask.api == "chat" and piece.number not in begun:
                    begun.add(piece.number)
                    await response.write(reply.opening(ask, asked.head, piece.number))
                await response.write(reply.event(ask, asked.head, piece, answerer.word))
            await response.write(reply.closing(ask, asked.head, asked.prompt, asked.completion))
        except FailedError:
            await response.write(reply.failed(BROKEN))
        await response.write_eof()
    return response


def _plainly(web: Any) -> Any:
    """Whatever goes wrong comes back as the protocol's errors."""

    @web.middleware
    async def plainly(request: Any, handler: Handler) -> Any:
        try:
            return await handler(request)
        except RefusedError as error:
            failure = error
        except web.HTTPRequestEntityTooLarge:
            failure = RefusedError(f"A request has at most {MOST_BYTES:,} bytes.", status=413)
        except web.HTTPException as error:
            failure = RefusedError(
                f"{request.method} {request.path}: {error.reason}. This server has GET /v1/models "
                f"and POST /v1/completions and /v1/chat/completions.",
                status=error.status,
            )
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            failure = RefusedError("The server failed to answer.", status=500)
        headers = {"Retry-After": "1"} if failure.status == 429 else {}
        return web.json_response(failure.body, status=failure.status, headers=headers)

    return plainly


def _guard(web: Any, key: Secret | None, hosts: tuple[str, ...]) -> Any:
    """Refuse who comes by a name that is not ours, or without the key."""

    @web.middleware
    async def guard(request: Any, handler: Handler) -> Any:
        name = request.host.rsplit(":", 1)[0].strip("[]")
        if hosts and name not in hosts:
            raise RefusedError(
                f"This server is not known as {name!r}: ask for {hosts[0]}.", status=403
            )
        if key is not None and request.path != "/health":
            given = request.headers.get("Authorization", "")
            expected = f"Bearer {key.reveal()}"
            if not secrets.compare_digest(given.encode(), expected.encode()):
                raise RefusedError(
                    "Incorrect API key provided.", code="invalid_api_key", status=401
                )
        return await handler(request)

    return guard
