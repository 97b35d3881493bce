"""Any OpenAI-compatible server over HTTP: one attempt per call. The one file that needs aiohttp.

`cairn.lm.endpoint.Endpoint` around it adds what a long run needs.
"""

import json
import os
import socket
from collections.abc import Callable, Mapping
from typing import Any, Literal

from cairn.core.errors import MissingExtraError
from cairn.core.redact import Redactor, printable
from cairn.lm.completion import Completion
from cairn.lm.errors import AttemptFailedError, LMError, scrubbed
from cairn.lm.openai import finished, payload
from cairn.lm.reply import Reader
from cairn.lm.request import Request
from cairn.lm.server import Access, Server

__all__ = ["OpenAIServer", "Server"]

MOST_BYTES = 32 * 2**20
"""A reply longer than this is no completion."""


class OpenAIServer:
    """A LanguageModel behind an OpenAI-compatible server; `await close()` it at the end."""

    hint = "Is base_url right?"
    """What to check when it never answers."""

    def __init__(self, config: Server):
        """Raises ConfigError for a missing key, MissingExtraError without aiohttp."""
        try:
            import aiohttp
            import yarl
        except ImportError as error:
            raise MissingExtraError(
                "a model behind a server needs aiohttp: pip install 'cairn[lm]'"
            ) from error
        self._aiohttp = aiohttp
        self.config = config
        self._access = Access(config)
        self.redact = Redactor(self._access.secrets())
        self.name = f"{config.model} at {config.base_url}"
        self.on_headers: Callable[[Mapping[str, str]], None] | None = None
        """Told the headers of every reply; an endpoint paces by them."""
        self.connect_s = 30.0
        """Longest wait for a connection."""
        # As it was written: an address may be quoted in ways that must not be tidied up.
        self._url = yarl.URL(self._access.url(), encoded=True)
        self._reader = Reader(config.api, self.name, self.redact, config.reasoning_tag)
        self._session: Any = None
        self._identity = ""

    def __repr__(self) -> str:
        return f"OpenAIServer({self.config!r})"

    @property
    def identity(self) -> str:
        """Address, model, protocol and what else shapes answers: never the key."""
        if not self._identity:  # part of every call's key
            address, model, api, extra, *rare = self.config.parts()
            parts = [address, model, api, json.dumps(extra, sort_keys=True), *rare]
            self._identity = self.redact(json.dumps(parts))
        return self._identity

    def body(self, request: Request, sample: str) -> dict[str, Any]:
        """The JSON body that asks for one sample of `request`."""
        config = self.config
        body = payload(
            request,
            model=config.model,
            api=config.api,
            sample=sample,
            tokens_field=config.tokens_field,
            schema_format=config.schema_format,
            stream=config.stream,
        )
        return finished(body, config.extra, request.extra, omit=config.omit)

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """One attempt; every text that comes back has the keys taken out."""
        body = self.body(request, sample)
        status, headers, raw = await self._post(json.dumps(body).encode())
        if self.on_headers is not None:
            self.on_headers(headers)
        try:
            completion = self._reader.read(status, headers, raw, asked=body)
        except LMError as error:
            raise scrubbed(error, self.redact) from None
        return completion.cleaned(self.redact)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        aiohttp = self._aiohttp
        try:
            async with self._open_session().post(
                self._url,
                data=body,
                headers=self._access.headers(),
                allow_redirects=False,
                proxy=self._access.proxy,
            ) as response:
                raw, content = bytearray(), response.content
                while not content.at_eof():
                    raw += await content.readany()
                    if len(raw) > MOST_BYTES:
                        raise self._lost("malformed", f"a reply of more than {MOST_BYTES} bytes")
                return response.status, response.headers, bytes(raw)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            aiohttp.ClientHttpProxyError,
        ) as error:
            # No connection, so nothing was sent and nothing can be charged.
            message = self._clean(f"{self.name} cannot be reached: {_plain(error)}")
            raise AttemptFailedError("connection", message) from None
        except aiohttp.ClientResponseError as error:
            raise self._lost("malformed", error) from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._lost("connection", error) from None

    def _lost(
        self, reason: Literal["malformed", "connection"], error: object
    ) -> AttemptFailedError:
        message = f"{self.name}: the reply was lost ({type(error).__name__}: {error})"
        return AttemptFailedError(reason, self._clean(message), maybe_paid=True)

    def _clean(self, text: str) -> str:
        return printable(self.redact(text), keep="")

    def _open_session(self) -> Any:
        if self._session is None:
            # No limit on connections and no timeout here: the endpoint has one of each. No
            # trust_env: it would send passwords from ~/.netrc; `Access` reads the proxies.
            self._session = self._aiohttp.ClientSession(
                connector=self._aiohttp.TCPConnector(limit=0),
                timeout=self._aiohttp.ClientTimeout(total=None, sock_connect=self.connect_s),
                cookie_jar=self._aiohttp.DummyCookieJar(),
            )
        return self._session


def _plain(error: Exception) -> str:
    """Why there was no connection. The library's own words name the address once more, and TLS
    where there is none."""
    cause = getattr(error, "os_error", None)
    if not isinstance(cause, OSError):
        return str(error)
    if isinstance(cause, socket.gaierror) or not cause.errno:
        return cause.strerror or str(cause)
    return os.strerror(cause.errno).lower()
