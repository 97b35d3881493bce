"""What comes back from a language model, and the text the journal keeps of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cairn.core.jsontext import compact
from cairn.lm.errors import ModeratedError, RejectedError
from cairn.lm.tools import ToolCall

CUT = frozenset({"length", "max_tokens", "model_length"})
"""Finish reasons of an answer that ran into its longest length."""
STOPPED = frozenset({"content_filter", "safety", "recitation", "abort", "error", "cancelled"})
"""Finish reasons of an answer that something else ended before its end."""


class Usage(NamedTuple):
    """Tokens of one call."""

    prompt: int
    completion: int
    """All that was generated, reasoning included."""
    cached: int = 0
    """Part of the prompt that the server had in its own cache."""
    reasoning: int = 0
    """Part of the completion that went into reasoning."""


class TokenLogprob(NamedTuple):
    """A token of the answer, its log-probability, and the likeliest alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Completion:
    """An answer."""

    text: str
    """What was said; empty where the model only called tools, or got no further than reasoning."""
    finish_reason: str = "stop"
    """stop, length, tool_calls, content_filter, or what else the server says."""
    usage: Usage | None = None
    """None if the server did not say."""
    cost_micros: int | None = None
    """Millionths of the currency unit; None without a price or without usage."""
    cache_hit: bool = False
    logprobs: tuple[TokenLogprob, ...] | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    """Calls that the model asks for, as it wrote them."""
    reasoning: str = ""
    """What the model thought before its answer, where the server tells it apart."""
    token_ids: tuple[int, ...] | None = None
    """Of the answer, in the model's vocabulary, where the server gives them."""

    @property
    def whole(self) -> bool:
        """Whether this is an answer at all: it ended by itself and says something.

        What was cut by its longest length, stopped by a filter, or is empty is data about the
        model but no answer: whoever judges it would judge silence.
        """
        finish = self.finish_reason.lower()
        return finish not in CUT | STOPPED and bool(self.text.strip() or self.tool_calls)

    def cleaned(self, clean: Callable[[str], str]) -> "Completion":
        """With `clean` applied to every text. Where it takes something out of the answer, tokens
        and log-probabilities go too: they would spell it, piece by piece."""
        text = clean(self.text)
        if not self.reasoning and not self.tool_calls and text == self.text:
            return self
        reasoning = clean(self.reasoning)
        calls = tuple(ToolCall(*map(clean, call)) for call in self.tool_calls)
        if (text, reasoning, calls) == (self.text, self.reasoning, self.tool_calls):
            return self
        return replace(
            self, text=text, reasoning=reasoning, tool_calls=calls, logprobs=None, token_ids=None
        )


def pack(completion: Completion) -> str:
    """A completion as the JSON text the journal keeps."""
    record: dict[str, Any] = {"text": completion.text, "finish": completion.finish_reason}
    if completion.usage is not None:
        record["usage"] = completion.usage
    if completion.cost_micros is not None:
        record["micros"] = completion.cost_micros
    if completion.logprobs is not None:
        record["logprobs"] = completion.logprobs
    if completion.tool_calls:
        record["calls"] = completion.tool_calls
    if completion.reasoning:
        record["reasoning"] = completion.reasoning
    if completion.token_ids is not None:
        record["ids"] = completion.token_ids
    return compact(record)


def pack_rejection(error: RejectedError) -> str:
    """A rejection as the journal keeps it: it is an answer too, and not asked for again."""
    record: dict[str, Any] = {"rejected": str(error)}
    if isinstance(error, ModeratedError):
        record["moderated"] = True
    return json.dumps(record, ensure_ascii=False)


def unpack(body: str, *, cache_hit: bool) -> Completion:
    """The completion in a journal's text; raises RejectedError where the answer was a rejection."""
    record = json.loads(body)
    if "rejected" in record:
        kind = ModeratedError if record.get("moderated") else RejectedError
        raise kind(record["rejected"])
    logprobs = record.get("logprobs")
    return Completion(
        text=record["text"],
        finish_reason=record["finish"],
        usage=Usage(*record["usage"]) if "usage" in record else None,
        cost_micros=record.get("micros"),
        cache_hit=cache_hit,
        logprobs=None if logprobs is None else tuple(_token(entry) for entry in logprobs),
        tool_calls=tuple(ToolCall(*call) for call in record.get("calls", ())),
        reasoning=record.get("reasoning", ""),
        token_ids=tuple(record["ids"]) if "ids" in record else None,
    )


def _token(entry: list) -> TokenLogprob:
    token, logprob, top = entry
    return TokenLogprob(token, logprob, tuple((text, value) for text, value in top))
