"""Who plays a role: a model at a server, a Python function, or a model made in this process."""

import importlib
import inspect
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cairn.core.errors import ConfigError
from cairn.core.redact import Redactor
from cairn.core.typed import plain
from cairn.lm.client import Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.limiter import Concurrency
from cairn.lm.openai import SchemaFormat, TokensField
from cairn.lm.prices import Price
from cairn.lm.request import LanguageModel, Sampling
from cairn.lm.scripted import FunctionModel, source_digest
from cairn.lm.spend import Spend

FREE = Price(0.0, 0.0)
SHAPES_NO_ANSWER = (
    "price", "slots", "requests_per_minute", "timeout_s", "longest_wait_s", "limits",
    "api_key_env", "key_header", "tokens_field", "stream",
)  # fmt: skip
"""Fields of a model or an application that move no result: they may be changed in a run."""


@dataclass(frozen=True)
class Model:
    """One role's model at an OpenAI-compatible server."""

    base_url: str
    """For example `http://127.0.0.1:8000/v1`."""
    model: str
    """The model's name at that server."""
    kind: Literal["server"] = "server"
    api_key_env: str | None = None
    """The *name* of the environment variable with the key. Keys are read from nowhere else."""
    api: Literal["chat", "completions"] = "chat"
    """Which of the two protocols the server speaks."""
    tokens_field: TokensField = "max_tokens"
    """What the server calls the longest answer."""
    omit: tuple[str, ...] = ()
    """Fields that are never sent, e.g. `["temperature"]` for a model that refuses it."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of every request, e.g. `{top_k = 40}`."""
    key_header: str = "Authorization"
    """Header of the key: `Authorization: Bearer KEY`, or `api-key` for `api-key: KEY`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers; `${NAME}` in a value is an environment variable, and a secret."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Fields of the address after the `?`; as `headers`."""
    revision: str = ""
    """Which edition of the model this is, where its name does not say: another one does not get
    the answers of this one."""
    stream: bool = False
    """Ask for answers in pieces, of a server that answers in no other way."""
    schema_format: SchemaFormat = "json_schema"
    """How the server takes the form of an answer: the schema itself, "some JSON", or not at all."""
    reasoning_tag: str = ""
    """`think` if the answer's text holds its reasoning as `<think>...</think>`."""
    reasoning_effort: str | None = None
    """How long to think, in the server's words (`low`, `high` ...); None says nothing about it."""
    system: str | None = None
    """System prompt; None takes the role's own (the target's default is none)."""
    temperature: float = 0.7
    """Of the paper, for all roles."""
    top_p: float = 0.95
    """Of the paper."""
    max_tokens: int = 256
    """Longest answer, tokens, reasoning included."""
    stop: tuple[str, ...] = ()
    """Strings that end an answer; none: the server's own default."""
    seed: int | None = None
    """For servers that take one; each sample gets a seed of its own from it."""
    price: Price | None = None
    """Per million tokens; needed where money is limited."""
    slots: int = 64
    """Most requests in flight at this server."""
    requests_per_minute: float | None = None
    """Pace from the first request on; None: as fast as the server takes them."""
    timeout_s: float = 120.0
    """Longest wait for one reply, seconds."""
    longest_wait_s: float = 3600.0
    """Longest pause that the server may ask everyone for; beyond it the run stops, to be
    resumed."""
    limits: Spend = field(default_factory=Spend)
    """Of this role alone, inside those of the run."""

    def __post_init__(self):
        self.server()
        self.sampling()
        _check_slots(self.slots)
        self.flow()

    @property
    def who(self) -> str:
        """Names the model: two roles with the same name have the same model."""
        edition = f", revision {self.revision}" if self.revision else ""
        return f"{self.model} at {self.address}{edition}"

    @property
    def address(self) -> str:
        """The base_url; with or without a slash at its end it is the same server."""
        return self.base_url.rstrip("/")

    def server(self) -> Server:
        """Where it lives."""
        return Server(
            self.address,
            self.model,
            api_key_env=self.api_key_env,
            api=self.api,
            tokens_field=self.tokens_field,
            extra=self.extra,
            omit=self.omit,
            key_header=self.key_header,
            headers=self.headers,
            query=self.query,
            revision=self.revision,
            stream=self.stream,
            schema_format=self.schema_format,
            reasoning_tag=self.reasoning_tag,
        )

    def sampling(self, logprobs: int = 0) -> Sampling:
        """How its answers are drawn."""
        return Sampling(
            self.temperature,
            self.top_p,
            self.max_tokens,
            self.stop,
            self.seed,
            logprobs,
            self.reasoning_effort,
        )

    def flow(self) -> Flow:
        """How its server is treated."""
        return Flow(
            Concurrency(start=min(8, self.slots), most=self.slots),
            requests_per_minute=self.requests_per_minute,
            timeout_s=self.timeout_s,
            longest_wait_s=self.longest_wait_s,
        )

    def endpoint(self) -> Endpoint:
        """The model itself. Raises ConfigError for a key that is missing."""
        return Endpoint(OpenAIServer(self.server()), self.flow())


@dataclass(frozen=True)
class Application:
    """A role played by an `async` Python function, so that a whole application can be the target.

    The function takes a `cairn.lm.request.Request` (its `messages` are what was asked) and returns
    the answer as a string or a `Completion`. It is imported, and so run, by this process.
    """

    function: str
    """`package.module:name`; found in the working directory too."""
    kind: Literal["function"] = "function"
    revision: str = ""
    """Which edition of the application this is; another one does not get the answers of this one.
    Empty: a digest of the file that the function is in."""
    system: str | None = None
    """System prompt put before the messages; None puts none."""
    max_tokens: int = 1024
    """Reserved for an answer where tokens are limited."""
    price: Price | None = None
    """Per million tokens, words where the function reports no usage; needed where money is
    limited."""
    slots: int = 8
    """Most calls at a time."""
    timeout_s: float = 120.0
    """Longest wait for one answer, seconds."""
    limits: Spend = field(default_factory=Spend)
    """Of this role alone, inside those of the run."""

    def __post_init__(self):
        self.sampling()
        _check_slots(self.slots)
        self.flow()
        module, _, name = self.function.partition(":")
        if not (name.isidentifier() and all(part.isidentifier() for part in module.split("."))):
            raise ConfigError(
                f"Application.function must look like package.module:name, got {self.function!r}."
            )

    @property
    def who(self) -> str:
        """Names the application."""
        return self.function

    def sampling(self, logprobs: int = 0) -> Sampling:
        """What its requests carry; the function may heed it."""
        return Sampling(max_tokens=self.max_tokens, logprobs=logprobs)

    def flow(self) -> Flow:
        """How it is treated."""
        return Flow(
            Concurrency(start=min(8, self.slots), most=self.slots), timeout_s=self.timeout_s
        )

    def endpoint(self) -> Endpoint:
        """The function as a model. Raises ConfigError if it is not there or not async."""
        function = self._imported()
        revision = self.revision or source_digest(function)
        return Endpoint(FunctionModel(function, self.function, revision), self.flow())

    def _imported(self):
        module_name, _, name = self.function.partition(":")
        here = str(Path.cwd())
        if here not in sys.path:  # a console script does not look there
            sys.path.insert(0, here)
        try:
            found = getattr(importlib.import_module(module_name), name, None)
        except ImportError as error:
            raise ConfigError(f"{self.function} cannot be imported: {error}.") from error
        if not inspect.iscoroutinefunction(found):
            what = "is not there" if found is None else "is no `async def` function"
            raise ConfigError(f"{self.function}: {name} {what} in {module_name}.")
        return found


Player = Model | Application | LanguageModel
"""What a role can be given: a config's model or application, or a model of this process (free)."""


def cast(players: Mapping[str, Player]) -> dict[str, Role]:
    """A role per player. Roles at the same server with the same model share one endpoint.

    Raises ConfigError for a key or an application that is missing.
    """
    endpoints: dict[tuple, Endpoint] = {}
    roles = {}
    for name, player in players.items():
        if not isinstance(player, Model | Application):
            roles[name] = Role(Endpoint(player), FREE)
            continue
        place = _place(player)
        if place not in endpoints:
            try:
                endpoints[place] = player.endpoint()
            except ConfigError as error:
                raise ConfigError(f"[models.{name}]: {error}") from None
        roles[name] = Role(
            endpoints[place],
            player.price,
            player.limits.limits(),
            player.system,
            player.sampling(),
        )
    return roles


def shaping(player: Player) -> Any:
    """What shapes a player's answers, as JSON: what a journal is tied to."""
    if not isinstance(player, Model | Application):
        return player.identity
    return {name: value for name, value in plain(player).items() if name not in SHAPES_NO_ANSWER}


def redactor(roles: Mapping[str, Role]) -> Redactor:
    """Takes the keys of all servers out of a text."""
    both = Redactor()
    for role in roles.values():
        if isinstance(role.endpoint.redact, Redactor):
            both = both.also(role.endpoint.redact)
    return both


@asynccontextmanager
async def company(players: Mapping[str, Player]) -> AsyncIterator[dict[str, Role]]:
    """The cast, with its connections closed at the end."""
    roles = cast(players)
    try:
        yield roles
    finally:
        for endpoint in {id(role.endpoint): role.endpoint for role in roles.values()}.values():
            await endpoint.close()


def _place(model: Model | Application) -> tuple:
    if isinstance(model, Application):
        return (model.function, model.revision, model.slots, model.timeout_s)
    # A server's settings hold names of variables, never what is in them.
    return (
        repr(model.server()), model.slots, model.requests_per_minute, model.timeout_s,
        model.longest_wait_s,
    )  # fmt: skip


def _check_slots(slots: int) -> None:
    if slots < 1:
        raise ConfigError(f"slots must be at least 1, got {slots}.")
