"""Where a model lives and how it is spoken to: the settings of an OpenAI-compatible server."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from cairn.core.errors import ConfigError
from cairn.core.redact import SHORTEST, Secret, read_secret
from cairn.lm.openai import PATHS, Api, SchemaFormat, TokensField

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_CREDENTIALS = re.compile(
    r"(?i)authorization|cookie|(?:api|access|subscription)?[-_]?(?:key|token)$"
)
"""Names of headers and query fields that hold a credential."""


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
    tokens_field: TokensField = "max_tokens"
    """What the server calls the longest answer."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further JSON fields for every request, e.g. `{"top_k": 40}`."""
    omit: tuple[str, ...] = ()
    """Fields that are never sent, e.g. `("temperature",)` for a model that refuses it."""
    key_header: str = "Authorization"
    """Header of the key: `Authorization: Bearer KEY`, or `api-key` for `api-key: KEY`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers. `${NAME}` in a value is an environment variable, and a secret."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Fields of the address after the `?`, e.g. `{"api-version": "2024-10-21"}`; as `headers`."""
    revision: str = ""
    """Which edition of the model this is, where its name does not say: part of the cache key, so
    that another revision does not get the answers of this one."""
    stream: bool = False
    """Ask for the answer in pieces, of a server that answers in no other way."""
    schema_format: SchemaFormat = "json_schema"
    """How the server takes the form of an answer: the schema itself, "some JSON", or not at all."""
    reasoning_tag: str = ""
    """`think` if the answer's text holds its reasoning as `<think>...</think>`."""

    def __post_init__(self):
        _check_url(self.base_url)
        if self.api_key_env is not None and not _names_a_variable(self.api_key_env):
            # Often it is the key itself that came: it must not be repeated.
            raise ConfigError(
                "Server.api_key_env must be the name of an environment variable in capitals, such "
                "as MY_KEY; what came is not shown, in case it is the key itself."
            )
        if not self.model:
            raise ConfigError("Server.model must name a model, got an empty string.")
        if not re.fullmatch(r"[A-Za-z0-9-]+", self.key_header):
            raise ConfigError(
                f"Server.key_header must be the name of a header, got {self.key_header!r}."
            )
        if self.reasoning_tag and not self.reasoning_tag.isidentifier():
            raise ConfigError(
                f"Server.reasoning_tag must be a name without brackets, such as think, got "
                f"{self.reasoning_tag!r}."
            )
        needed = {"model", "messages", "prompt"} & set(self.omit)
        if needed:
            raise ConfigError(f"Server.omit must leave {', '.join(sorted(needed))} in the request.")
        _check_values("headers", self.headers)
        _check_values("query", self.query)

    @property
    def url(self) -> str:
        """Of the call, without its query."""
        return self.base_url.rstrip("/") + PATHS[self.api]

    def parts(self) -> list[Any]:
        """What shapes the answers: never a key, of which only the variable's name is here."""
        base: list[Any] = [self.base_url.rstrip("/"), self.model, self.api, dict(self.extra)]
        rare = {
            "revision": self.revision,
            "omit": sorted(self.omit),
            "headers": dict(sorted(self.headers.items())),
            "query": dict(sorted(self.query.items())),
            "form": "" if self.schema_format == "json_schema" else self.schema_format,
            "reasoning": self.reasoning_tag,
        }
        found = {name: value for name, value in rare.items() if value}
        return [*base, found] if found else base


def _check_url(base_url: str) -> None:
    try:
        url = urlsplit(base_url)
        ok = url.scheme in ("http", "https") and bool(url.hostname)
        _ = url.port
    except ValueError:
        ok = False
    else:
        if ok and (url.username or url.password or url.query or url.fragment):
            # The address is part of records and messages; it must hold no credential.
            raise ConfigError(
                "Server.base_url must hold no user, password or query: name the environment "
                "variable of the key in api_key_env instead, and put what stands after the ? into "
                'query, e.g. query = {"api-version" = "2024-10-21"}.'
            )
    if not ok:
        # Where an address can hold a credential, it must not be repeated.
        shown = "something with an @ or ?, which is not shown"
        if not {"@", "?", "#"} & set(base_url):
            shown = repr(base_url)
        raise ConfigError(f"Server.base_url must look like http://host:port/v1, got {shown}.")
    for name, path in PATHS.items():
        if base_url.rstrip("/").endswith(path):
            raise ConfigError(
                f"Server.base_url must end before {path!r}, which is added for api={name!r}: "
                f"got {base_url!r}."
            )


def _names_a_variable(name: str) -> bool:
    """Whether this can be a variable's name; some keys are capitals and digits, but long."""
    looks_like_a_key = len(name) >= 16 and "_" not in name and any(c.isdigit() for c in name)
    return bool(re.fullmatch(r"[A-Z_][A-Z0-9_]*", name)) and not looks_like_a_key


def _check_values(what: str, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if not re.fullmatch(r"[A-Za-z0-9_.$-]+", name) or not value.isprintable():
            raise ConfigError(f"Server.{what}: {name!r} is no name, or its value no single line.")
        variables = _VARIABLE.findall(value)
        if not all(_names_a_variable(variable) for variable in variables):
            raise ConfigError(
                f"Server.{what}.{name}: between ${{ and }} stands the name of an environment "
                f"variable in capitals, such as ${{MY_KEY}}; what came is not shown."
            )
        if not variables and _CREDENTIALS.search(name):
            raise ConfigError(
                f"Server.{what}.{name} looks like a credential, and a config holds none: put it "
                f"into an environment variable and write ${{ITS_NAME}} here."
            )


class Access:
    """The secrets of one server, read once: its headers, its query, and its proxy."""

    def __init__(self, server: Server):
        """Raises ConfigError for a variable that is missing."""
        self._server = server
        self._secrets = dict(_secrets(server))
        self._key = None
        if server.api_key_env is not None:
            self._key = read_secret(server.api_key_env, needed_by="Server.api_key_env")
        self.proxy = proxy_for(server.base_url)
        """Address of the proxy that the environment names for this server, or None."""

    def secrets(self) -> list[Secret]:
        """All of them, to be taken out of texts."""
        found = [*self._secrets.values()]
        if self._key is not None:
            found.append(self._key)
        words = urlsplit(self.proxy or "")
        found += [Secret(word) for word in (words.password,) if word and len(word) >= SHORTEST]
        return found

    def headers(self) -> dict[str, str]:
        """For one request, secrets included."""
        server = self._server
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if server.stream:
            headers["Accept"] = "text/event-stream"
        if self._key is not None:
            bearer = server.key_header.lower() == "authorization"
            headers[server.key_header] = f"{'Bearer ' if bearer else ''}{self._key.reveal()}"
        return headers | {name: self._filled(value) for name, value in server.headers.items()}

    def url(self) -> str:
        """Of the call, secrets included."""
        query = {name: self._filled(value) for name, value in self._server.query.items()}
        return f"{self._server.url}?{urlencode(query)}" if query else self._server.url

    def _filled(self, value: str) -> str:
        return _VARIABLE.sub(lambda match: self._secrets[match[1]].reveal(), value)


def _secrets(server: Server) -> Iterator[tuple[str, Secret]]:
    for what, values in (("headers", server.headers), ("query", server.query)):
        for name, value in values.items():
            for variable in _VARIABLE.findall(value):
                yield variable, read_secret(variable, needed_by=f"Server.{what}.{name}")


def proxy_for(base_url: str) -> str | None:
    """The proxy for a server from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    This machine's own addresses are never asked through a proxy. Raises ConfigError for a proxy
    that is not HTTP.
    """
    url = urlsplit(base_url)
    host = url.hostname or ""
    if host == "localhost" or host.startswith("127.") or host == "::1" or proxy_bypass(host):
        return None
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found:
        return None
    found = found if "://" in found else f"http://{found}"
    if urlsplit(found).scheme not in ("http", "https"):
        variable = next((n for n in os.environ if n.lower() == f"{url.scheme}_proxy"), "ALL_PROXY")
        raise ConfigError(
            f"the proxy in {variable} must be http:// or https://; others are not spoken. "
            f"Unset it, or put {host} into NO_PROXY."
        )
    return found
