"""Any OpenAI-compatible server over HTTP: one attempt per call. The one file that needs aiohttp.

`cairn.lm.endpoint.Endpoint` around it adds what a long run needs.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.core.redact import Redactor, read_secret
from cairn.lm.errors import AttemptFailedError, LMError, scrubbed
from cairn.lm.openai import PATHS, Api, payload, read_reply
from cairn.lm.request import Completion, Request

MOST_BYTES = 32 * 2**20
"""A reply longer than this is no completion."""


@dataclass(frozen=True)
class Server:
    """Where a model lives."""

    base_url: str
    """For example `http://127.0.0.1:8000/v1`; the path of the call is added to it."""
    model: str
    """The model's name at that server."""
    api_key_env: str | None = None
    """The *name* of the environment variable that holds the key; None sends no key."""
    api: Api = "chat"
    """Which of the two protocols the server speaks."""
    tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the longest answer."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further JSON fields for every request, e.g. `{"top_k": 40}`."""

    def __post_init__(self):
        try:
            url = urlsplit(self.base_url)
            ok = url.scheme in ("http", "https") and bool(url.hostname)
            _ = url.port
        except ValueError:
            ok = False
        else:
            if ok and (url.username or url.password or url.query or url.fragment):
                # The address is part of records and messages; it must hold no credential.
                raise ConfigError(
                    "Server.base_url must hold no user, password or query: name the environment "
                    "variable of the key in api_key_env instead."
                )
        if not ok:
            # Where an address can hold a credential, it must not be repeated.
            shown = "something with an @ or ?, which is not shown"
            if not {"@", "?", "#"} & set(self.base_url):
                shown = repr(self.base_url)
            raise ConfigError(f"Server.base_url must look like http://host:port/v1, got {shown}.")
        if self.api_key_env is not None and not _names_a_variable(self.api_key_env):
            # Often it is the key itself that came: it must not be repeated.
            raise ConfigError(
                "Server.api_key_env must be the name of an environment variable in capitals, such "
                "as MY_KEY; what came is not shown, in case it is the key itself."
            )
        if not self.model:
            raise ConfigError("Server.model must name a model, got an empty string.")
        for name, path in PATHS.items():
            if self.base_url.rstrip("/").endswith(path):
                raise ConfigError(
                    f"Server.base_url must end before {path!r}, which is added for api={name!r}: "
                    f"got {self.base_url!r}."
                )


def _names_a_variable(name: str) -> bool:
    """Whether this can be a variable's name; some keys are capitals and digits, but long."""
    looks_like_a_key = len(name) >= 16 and "_" not in name and any(c.isdigit() for c in name)
    return bool(re.fullmatch(r"[A-Z_][A-Z0-9_]*", name)) and not looks_like_a_key


class OpenAIServer:
    """A LanguageModel behind an OpenAI-compatible server; `await close()` it at the end."""

    def __init__(self, config: Server):
        """Raises ConfigError for a missing key, MissingExtraError without aiohttp."""
        try:
            import aiohttp
        except ImportError as error:
            raise MissingExtraError(
                "a model behind a server needs aiohttp: pip install 'cairn[lm]'"
            ) from error
        self._aiohttp = aiohttp
        self.config = config
        self._key = None
        if config.api_key_env is not None:
            self._key = read_secret(config.api_key_env, needed_by="Server.api_key_env")
        self.redact = Redactor([] if self._key is None else [self._key])
        self.name = f"{config.model} at {config.base_url}"
        self.on_headers: Callable[[Mapping[str, str]], None] | None = None
        """Told the headers of every reply; an endpoint paces by them."""
        self.connect_s = 30.0
        """Longest wait for a connection."""
        self._url = config.base_url.rstrip("/") + PATHS[config.api]
        self._session: Any = None

    def __repr__(self) -> str:
        return f"OpenAIServer({self.config!r})"

    @property
    def identity(self) -> str:
        """Address, model, protocol and extra fields: never the key."""
        extra = json.dumps(dict(self.config.extra), sort_keys=True)
        parts = [self.config.base_url.rstrip("/"), self.config.model, self.config.api, extra]
        return self.redact(json.dumps(parts))

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """One attempt; every text that comes back has the key taken out."""
        config = self.config
        body = payload(
            request,
            model=config.model,
            api=config.api,
            sample=sample,
            tokens_field=config.tokens_field,
        )
        status, headers, raw = await self._post(json.dumps(body | dict(config.extra)).encode())
        if self.on_headers is not None:
            self.on_headers(headers)
        try:
            completion = read_reply(
                status, headers, raw, api=config.api, name=self.name, redact=self.redact
            )
        except LMError as error:
            raise scrubbed(error, self.redact) from None
        text = self.redact(completion.text)
        if text != completion.text:
            # The log-probabilities would spell the key out, token by token.
            return Completion(text, completion.finish_reason, completion.usage)
        return completion

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        aiohttp = self._aiohttp
        try:
            async with self._open_session().post(
                self._url, data=body, headers=self._headers(), allow_redirects=False
            ) as response:
                raw = bytearray()
                async for chunk in response.content.iter_any():
                    raw += chunk
                    if len(raw) > MOST_BYTES:
                        raise self._lost("malformed", f"a reply of more than {MOST_BYTES} bytes")
                return response.status, response.headers, bytes(raw)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # No connection, so nothing was sent and nothing can be charged.
            message = self.redact(f"{self.name} cannot be reached: {error}")
            raise AttemptFailedError("connection", message) from None
        except aiohttp.ClientResponseError as error:
            raise self._lost("malformed", error) from None
        except (aiohttp.ClientError, OSError) as error:
            raise self._lost("connection", error) from None

    def _lost(
        self, reason: Literal["malformed", "connection"], error: object
    ) -> AttemptFailedError:
        message = f"{self.name}: the reply was lost ({type(error).__name__}: {error})"
        return AttemptFailedError(reason, self.redact(message), maybe_paid=True)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        return headers

    def _open_session(self) -> Any:
        if self._session is None:
            # No limit on connections and no timeout here: the endpoint has one of each.
            self._session = self._aiohttp.ClientSession(
                connector=self._aiohttp.TCPConnector(limit=0),
                timeout=self._aiohttp.ClientTimeout(total=None, sock_connect=self.connect_s),
                cookie_jar=self._aiohttp.DummyCookieJar(),
            )
        return self._session
