"""What is asked of a language model, and what comes back."""

import hashlib
import json
import math
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from cairn.core.errors import ConfigError
from cairn.lm.errors import Rejected

Speaker = Literal["system", "user", "assistant"]


class Message(NamedTuple):
    """One turn of a conversation."""

    role: Speaker
    content: str


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn. Every field is part of the cache key."""

    temperature: float = 1.0
    """0 takes the likeliest token each time."""
    top_p: float = 1.0
    """Share of probability mass to draw from."""
    max_tokens: int = 256
    """Longest answer, in tokens; also what a budget reserves for it."""
    stop: tuple[str, ...] = ()
    """Strings that end the answer. Empty: the server's own default is not overridden."""
    seed: int | None = None
    """For servers that take one; each sample of a request gets a seed of its own from it."""
    logprobs: int = 0
    """Alternatives per token to report; 0 for no log-probabilities."""

    def __post_init__(self):
        if not (self.temperature >= 0 and math.isfinite(self.temperature)):
            raise ConfigError(f"Sampling.temperature must be at least 0, got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"Sampling.top_p must lie in (0, 1], got {self.top_p}")
        if self.max_tokens < 1:
            raise ConfigError(f"Sampling.max_tokens must be at least 1, got {self.max_tokens}")
        if self.logprobs < 0:
            raise ConfigError(f"Sampling.logprobs must be at least 0, got {self.logprobs}")


@dataclass(frozen=True)
class Request:
    """A conversation to be continued by the model: `Request.of("question", system="...")`."""

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    prompt_version: str = ""
    """Part of the cache key: change it when a template changes its meaning but not its text."""

    def __post_init__(self):
        if not self.messages:
            raise ConfigError("a Request needs at least one message")

    @staticmethod
    def of(text: str, *, system: str | None = None, sampling: Sampling | None = None) -> "Request":
        """A single user turn, after an optional system prompt."""
        head = () if system is None else (Message("system", system),)
        return Request((*head, Message("user", text)), sampling or Sampling())

    def then(self, answer: str, text: str) -> "Request":
        """The conversation after `answer`, with a further user turn."""
        turns = (Message("assistant", answer), Message("user", text))
        return replace(self, messages=self.messages + turns)


class Usage(NamedTuple):
    """Tokens of one call."""

    prompt: int
    completion: int
    cached: int = 0
    """Part of the prompt that the server had in its own cache."""


class TokenLogprob(NamedTuple):
    """A token of the answer, its log-probability, and the likeliest alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Completion:
    """An answer."""

    text: str
    finish_reason: str = "stop"
    """stop, length, content_filter, or what else the server says. A filter's stop is data."""
    usage: Usage | None = None
    """None if the server did not say."""
    cost_micros: int | None = None
    """Millionths of the currency unit; None without a price or without usage."""
    cache_hit: bool = False
    logprobs: tuple[TokenLogprob, ...] | None = None


@runtime_checkable
class LanguageModel(Protocol):
    """Anything that answers: a server, a scripted model, a whole application."""

    @property
    def identity(self) -> str:
        """What shapes its answers besides the request: part of every cache key."""
        ...

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """One answer. `sample` names the draw: the same request with another sample is another
        answer. Raises an LMError."""
        ...


def cache_key(identity: str, request: Request, sample: str) -> bytes:
    """32 bytes over everything that shapes the answer, the sample included."""
    sampling = request.sampling
    parts = [
        identity,
        request.messages,
        [
            float(sampling.temperature),
            float(sampling.top_p),
            sampling.max_tokens,
            sampling.stop,
            sampling.seed,
            sampling.logprobs,
        ],
        request.prompt_version,
        sample,
    ]
    # JSON keeps the boundaries between parts, so no two requests share a text.
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def pack(completion: Completion) -> str:
    """A completion as the JSON text the journal keeps."""
    record: dict = {"text": completion.text, "finish": completion.finish_reason}
    if completion.usage is not None:
        record["usage"] = completion.usage
    if completion.cost_micros is not None:
        record["micros"] = completion.cost_micros
    if completion.logprobs is not None:
        record["logprobs"] = completion.logprobs
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def pack_rejection(error: Rejected) -> str:
    """A rejection as the journal keeps it: it is an answer too, and not asked for again."""
    return json.dumps({"rejected": str(error)}, ensure_ascii=False)


def unpack(body: str, *, cache_hit: bool) -> Completion:
    """The completion in a journal's text; raises Rejected where the answer was a rejection."""
    record = json.loads(body)
    if "rejected" in record:
        raise Rejected(record["rejected"])
    logprobs = record.get("logprobs")
    return Completion(
        text=record["text"],
        finish_reason=record["finish"],
        usage=Usage(*record["usage"]) if "usage" in record else None,
        cost_micros=record.get("micros"),
        cache_hit=cache_hit,
        logprobs=None if logprobs is None else tuple(_token(entry) for entry in logprobs),
    )


def _token(entry: list) -> TokenLogprob:
    token, logprob, top = entry
    return TokenLogprob(token, logprob, tuple((text, value) for text, value in top))
