"""What is asked of a language model."""

import functools
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from cairn.core.errors import ConfigError
from cairn.lm.completion import Completion, TokenLogprob, Usage, pack, pack_rejection, unpack
from cairn.lm.tools import Schema, Tool, ToolCall

__all__ = [
    "Completion",
    "LanguageModel",
    "Message",
    "Request",
    "Sampling",
    "Schema",
    "Speaker",
    "TokenLogprob",
    "Tool",
    "ToolCall",
    "Usage",
    "cache_key",
    "pack",
    "pack_rejection",
    "unpack",
]

Speaker = Literal["system", "user", "assistant", "tool", "developer"]


class Message(NamedTuple):
    """One turn of a conversation."""

    role: Speaker
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's turn: the calls it asked for."""
    call_id: str | None = None
    """Of a tool's turn: which call this is the result of."""


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn. Every field is part of the cache key."""

    temperature: float | None = 1.0
    """0 takes the likeliest token each time. None sends none: some models refuse any."""
    top_p: float = 1.0
    """Share of probability mass to draw from; 1 is not sent."""
    max_tokens: int = 256
    """Longest answer, in tokens, reasoning included; also what a budget reserves for it."""
    stop: tuple[str, ...] = ()
    """Strings that end the answer. Empty: the server's own default is not overridden."""
    seed: int | None = None
    """For servers that take one; each sample of a request gets a seed of its own from it."""
    logprobs: int = 0
    """Alternatives per token to report; 0 for no log-probabilities."""
    reasoning_effort: str | None = None
    """How long to think, in the server's words (`low`, `high` ...); None says nothing about it."""
    token_ids: bool = False
    """Ask for the answer's token ids, of servers that give them (vLLM)."""

    def __post_init__(self):
        temperature = self.temperature
        if temperature is not None and not (temperature >= 0 and math.isfinite(temperature)):
            raise ConfigError(f"Sampling.temperature must be at least 0, got {temperature}")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"Sampling.top_p must lie in (0, 1], got {self.top_p}")
        if self.max_tokens < 1:
            raise ConfigError(f"Sampling.max_tokens must be at least 1, got {self.max_tokens}")
        if self.logprobs < 0:
            raise ConfigError(f"Sampling.logprobs must be at least 0, got {self.logprobs}")


PLAIN = Sampling()


@dataclass(frozen=True)
class Request:
    """A conversation to be continued by the model: `Request.of("question", system="...")`."""

    messages: tuple[Message, ...]
    sampling: Sampling = PLAIN
    prompt_version: str = ""
    """Part of the cache key: change it when a template changes its meaning but not its text."""
    tools: tuple[Tool, ...] = ()
    """Tools that the model may call."""
    tool_choice: str | None = None
    """`auto`, `none`, `required`, or the name of the tool to call; None says nothing about it."""
    schema: Schema | None = None
    """The form of the answer; `cairn.lm.answers.structured` reads it."""
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Further JSON fields of the body, e.g. `{"top_k": 40}`; they win over those of the server."""

    def __post_init__(self):
        if not self.messages:
            raise ConfigError("a Request needs at least one message")
        if not self.tools and self.tool_choice is None:
            return
        names = [tool.name for tool in self.tools]
        if len(set(names)) < len(names):
            raise ConfigError(f"tools must have different names, got {', '.join(sorted(names))}")
        if self.tool_choice not in (None, "auto", "none", "required", *names):
            known = ", ".join(["auto", "none", "required", *names])
            raise ConfigError(
                f"Request.tool_choice must be one of {known}, got {self.tool_choice!r}"
            )

    @staticmethod
    def of(text: str, *, system: str | None = None, sampling: Sampling | None = None) -> "Request":
        """A single user turn, after an optional system prompt."""
        head = () if system is None else (Message("system", system),)
        return Request((*head, Message("user", text)), sampling or PLAIN)

    def then(self, answer: str | Completion, *texts: str) -> "Request":
        """The conversation after `answer`, with one or more further user turns."""
        said = answer if isinstance(answer, str) else answer.text
        turns = (Message("assistant", said), *(Message("user", text) for text in texts))
        return replace(self, messages=self.messages + turns)

    def with_results(self, answer: Completion, results: Sequence[str]) -> "Request":
        """The conversation after the tools that `answer` calls have run.

        Args:
            answer: with at least one tool call.
            results: one text for each of `answer.tool_calls`, in their order.
        """
        calls = answer.tool_calls
        if not calls or len(results) != len(calls):
            raise ConfigError(
                f"with_results needs one result for each tool call: the answer has {len(calls)} "
                f"calls, and {len(results)} results came."
            )
        turns = (
            Message("assistant", answer.text, calls),
            *(
                Message("tool", result, call_id=call.id)
                for call, result in zip(calls, results, strict=True)
            ),
        )
        return replace(self, messages=self.messages + turns)


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
    """32 bytes over everything that shapes the answer, the sample included.

    They are the digest of a JSON text, which keeps the boundaries between its parts, so that no
    two requests share one.
    """
    try:
        turns = [f"[{_quoted(role)}, {_quoted(text)}]" for role, text, *_ in request.messages]
        numbers, version = _numbers(request.sampling), _quoted(request.prompt_version)
        text = f"[{_quoted(identity)}, [{', '.join(turns)}], {numbers}, {version}, "
        text += _quoted(sample)
    except TypeError:  # a list where a tuple belongs, or a number for a text
        turns = [message[:2] for message in request.messages]
        numbers = json.loads(_numbers.__wrapped__(request.sampling))
        text = json.dumps([identity, turns, numbers, request.prompt_version, sample])[:-1]
    # What few requests have is added only where it is there, so that no other key changes.
    rare = _rare(request)
    text += f", {json.dumps(rare)}]" if rare else "]"
    return hashlib.sha256(text.encode()).digest()


@functools.lru_cache(32)
def _quoted(text: str) -> str:
    """As JSON. The system prompt is that of the call before, and of a prompt two keys are made."""
    return json.encoder.encode_basestring_ascii(text)


@functools.lru_cache(256)
def _numbers(sampling: Sampling) -> str:
    temperature = sampling.temperature
    return json.dumps(
        [
            None if temperature is None else float(temperature),
            float(sampling.top_p),
            sampling.max_tokens,
            sampling.stop,
            sampling.seed,
            sampling.logprobs,
        ]
    )


def _rare(request: Request) -> dict[str, Any]:
    sampling, schema = request.sampling, request.schema
    asked = request.tools or request.tool_choice or schema or request.extra
    long = any(len(m) > 2 and (m[2] or m[3]) for m in request.messages)
    if not (asked or long or sampling.reasoning_effort or sampling.token_ids):
        return {}
    turns = {i: m[2:] for i, m in enumerate(request.messages) if m.tool_calls or m.call_id}
    # The order of a schema's properties is the order in which they are decoded: it is kept.
    tools = [(t.name, t.description, dict(t.parameters), t.strict) for t in request.tools]
    found: dict[str, Any] = {
        "turns": turns,
        "effort": sampling.reasoning_effort,
        "ids": sampling.token_ids,
        "tools": tools,
        "choice": request.tool_choice,
        "schema": schema and (schema.name, dict(schema.body), schema.strict),
        "extra": sorted(request.extra.items()),
    }
    return {name: value for name, value in found.items() if value}
