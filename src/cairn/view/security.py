"""Who may ask this server for what: checked before a page is looked for, and said in headers.

A page of another site can send requests to an address of this machine. So a request must be
addressed to a name of this machine (or a name that somebody made to point here would read the
runs), what changes something must come from one of our own pages, and nothing is loaded, run or
framed from elsewhere.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names by which a machine calls itself."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Not no-referrer: with that a browser sends `Origin: null` with our own forms.
HEADERS: Mapping[str, str] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""Of every answer that does not say otherwise."""
READING = ("GET", "HEAD")
LONGEST = 4096
"""Characters of an address."""


class RefusedError(Exception):
    """A request that is not answered: a status, and a line that says why."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


class Guard:
    """Answers what is allowed by `app`, and everything else by itself."""

    def __init__(self, app: App, *, token: str | None = None, elsewhere: bool = False):
        """`elsewhere`: listens beyond this machine, so that it can be called by any name.

        That takes a token.
        """
        if elsewhere and not token:
            raise ValueError("a server that listens elsewhere needs a token")
        self._app = app
        self._token = token
        self._elsewhere = elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (n.encode(), v.encode())
                        for n, v in HEADERS.items()
                        if n.encode() not in given
                    ),
                ]
            await send(message)

        try:
            headers = _headers(scope)
            self._check(scope, headers)
            entry = self._entry(scope, headers)
        except RefusedError as refused:
            await _answer(sent, scope, refused.status, f"{refused}\n")
            return
        if entry is not None:
            await _answer(sent, scope, 303, "", entry)
            return
        await self._app(scope, receive, sent)

    def _check(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """Raises RefusedError for a request that no page of ours would make."""
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST:
            raise RefusedError(404, "No page has so long an address.")
        host = headers.get("host", "")
        if not self._elsewhere and _name(host) not in LOOPBACK:
            raise RefusedError(
                421, f"This server answers to {', '.join(LOOPBACK)}, and to no other name."
            )
        method, site = scope["method"], headers.get("sec-fetch-site", "")
        if method in READING:
            # A link on another site may lead here; its pictures and scripts may not come from here.
            if site == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
                raise RefusedError(403, "Not for the pages of another site.")
            return
        if method != "POST":
            raise RefusedError(405, "Expected GET, HEAD or POST.")
        origin = headers.get("origin", "null")
        ours = _place(origin) == host if origin != "null" else site == "same-origin"
        if not ours or site not in ("", "same-origin"):
            raise RefusedError(403, "What changes a run must come from a page of this server.")

    def _entry(self, scope: Scope, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]] | None:
        """Headers that let in who came with the token in the address; None if nothing is needed.

        Raises RefusedError without the token.
        """
        if self._token is None:
            return None
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(pairs).get("token")
        if given is not None and hmac.compare_digest(given.encode(), self._token.encode()):
            rest = urlencode([pair for pair in pairs if pair[0] != "token"])
            # The raw path: decoded, `//other.site` could become an address of its own.
            path = "/" + (scope.get("raw_path") or b"/").decode("latin-1").lstrip("/")
            # Strict would keep out who follows a link from another site, though it has the token.
            cookie = f"{_cookie(scope)}={self._token}; Path=/; HttpOnly; SameSite=Lax"
            return [
                (b"location", (f"{path}?{rest}" if rest else path).encode("latin-1")),
                (b"set-cookie", cookie.encode()),
            ]
        kept = _cookies(headers).get(_cookie(scope), "")
        if not hmac.compare_digest(kept.encode(), self._token.encode()):
            raise RefusedError(403, "Open the address that cairn view printed: it holds the token.")
        return None


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name. Raises RefusedError for two hosts, of which one might be checked."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        if name == "host" and name in found:
            raise RefusedError(400, "Expected one Host.")
        found[name] = value.decode("latin-1")
    return found


def _place(origin: str) -> str:
    """The host and port of an Origin header; nothing if it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    """The name in a Host header, without its port; nothing if it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "") if "@" not in host else ""
    except ValueError:
        return ""


def _cookie(scope: Scope) -> str:
    # Cookies know no ports: two servers on one machine would take each other's.
    server = scope.get("server") or ("", 0)
    return f"cairn-view-{server[1]}"


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    # By hand: the library drops all of them where a page of another port set one it cannot read.
    pairs = (part.partition("=") for part in headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


async def _answer(
    send: Send,
    scope: Scope,
    status: int,
    text: str,
    headers: list[tuple[bytes, bytes]] = [],  # noqa: B006
) -> None:
    body = b"" if scope["method"] == "HEAD" else text.encode()
    kind = (b"content-type", b"text/plain; charset=utf-8")
    length = (b"content-length", str(len(text.encode())).encode())
    start = {"type": "http.response.start", "status": status, "headers": [kind, length, *headers]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
