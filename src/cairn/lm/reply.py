"""A server's reply as a completion: the OpenAI protocol, in the dialects that servers speak.

Strict where it matters: a reply of the wrong shape is a failed attempt, never an empty answer.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cairn.core.jsontext import parse
from cairn.lm.completion import Completion, TokenLogprob, Usage
from cairn.lm.errors import AttemptFailedError
from cairn.lm.openai import Api
from cairn.lm.refusal import failure, shown
from cairn.lm.stream import StreamFailedError, gathered
from cairn.lm.tools import ToolCall

MOST_TOKENS = 2**40
"""Of one call. A server that claims more has not counted."""


@dataclass(frozen=True)
class Reader:
    """How the replies of one server are read."""

    api: Api
    name: str
    """Of the server, for messages."""
    redact: Callable[[str], str] = str
    """Applied to what an error repeats of a reply."""
    reasoning_tag: str = ""
    """`think` if the answer's text holds its reasoning as `<think>...</think>`."""

    def read(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        asked: Mapping[str, Any] | None = None,
    ) -> Completion:
        """The completion in a reply to the JSON body `asked`.

        Raises what the reply means: AttemptFailedError (try again), RejectedError (this request
        never), EndpointRefusedError (no request ever).
        """
        if not 200 <= status < 300:
            raise failure(
                status, headers, body, name=self.name, redact=self.redact, asked=asked or {}
            )
        try:
            record = gathered(body, self.api) if _streams(headers) else parse(body)
            return read_completion(record, self.api, reasoning_tag=self.reasoning_tag)
        except StreamFailedError as error:
            words = shown(str(error), self.redact, most=300)
            message = f"{self.name} broke off its answer: {words}"
            raise AttemptFailedError("server", message, maybe_paid=True) from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            why = shown(str(error), self.redact, most=200)
            part = shown(body.decode("utf-8", "replace"), self.redact, most=80)
            message = f"{self.name} sent an unreadable reply ({why}): {part!r}"
            raise AttemptFailedError("malformed", message, maybe_paid=True) from error


def _streams(headers: Mapping[str, str]) -> bool:
    kind = headers.get("content-type")  # aiohttp's headers find it in any case
    if kind is None:
        kind = next((v for k, v in headers.items() if k.lower() == "content-type"), "")
    return kind.lower().startswith("text/event-stream")


def read_completion(record: Any, api: Api, *, reasoning_tag: str = "") -> Completion:
    """A completion from a decoded reply; raises ValueError, TypeError or KeyError."""
    choices = _expect(_expect(record, dict, "reply")["choices"], list, "choices")
    if not choices:
        raise ValueError("choices is empty")
    choice = _expect(choices[0], dict, "choice")
    finish = choice.get("finish_reason")
    calls: tuple[ToolCall, ...] = ()
    reasoning = ""
    if api == "chat":
        message = _expect(choice["message"], dict, "message")
        if len(message) > ("role" in message) + ("content" in message):
            calls, reasoning = _calls(message), _reasoning(message)
        content = message.get("content")
        if type(content) is str:
            text = content
        else:
            text = _chat_text(message, empty=isinstance(finish, str) or bool(calls or reasoning))
    else:
        text = _expect(choice["text"], str, "text")
    if reasoning_tag and not reasoning:
        reasoning, text = _apart(text, reasoning_tag)
    return Completion(
        text=text,
        finish_reason=finish if isinstance(finish, str) else "unknown",
        usage=_usage(record.get("usage")),
        logprobs=_logprobs(choice["logprobs"], api) if "logprobs" in choice else None,
        tool_calls=calls,
        reasoning=reasoning,
        token_ids=_token_ids(choice),
    )


def _chat_text(message: dict, *, empty: bool) -> str:
    content = message.get("content")
    if isinstance(content, list):  # parts
        parts = [_expect(part, dict, "part") for part in content]
        return "".join(_expect(part.get("text", ""), str, "text of a part") for part in parts)
    if content is None and isinstance(message.get("refusal"), str):
        return message["refusal"]
    if content is None and empty:
        return ""  # a filter's stop, a call of a tool, or reasoning that got no further
    return _expect(content, str, "content")


def _calls(message: dict) -> tuple[ToolCall, ...]:
    """The calls of tools in a message; the older `function_call` is one without an id."""
    found = message.get("tool_calls")
    if not found and "function_call" not in message:
        return ()
    if not found and isinstance(message.get("function_call"), dict):
        found = [{"function": message["function_call"]}]
    return tuple(
        _call(_expect(entry, dict, "tool call"), i)
        for i, entry in enumerate(_expect(found or [], list, "tool_calls"))
    )


def _call(entry: dict, position: int) -> ToolCall:
    function = _expect(entry["function"], dict, "function of a tool call")
    arguments = function.get("arguments") or ""
    if isinstance(arguments, dict):  # some servers decode it
        arguments = json.dumps(arguments, ensure_ascii=False)
    id_ = entry.get("id") or f"call_{position}"
    return ToolCall(
        _expect(id_, str, "id of a tool call"),
        _expect(function["name"], str, "name of a tool call"),
        _expect(arguments, str, "arguments of a tool call"),
    )


def _reasoning(message: dict) -> str:
    for name in ("reasoning_content", "reasoning"):
        if isinstance(message.get(name), str):
            return message[name]
    return ""


def _apart(text: str, tag: str) -> tuple[str, str]:
    """(reasoning, answer) of a text that holds both; the opening tag may be in the prompt."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    before, closed, after = text.partition(closing)
    if closed:
        return before.strip().removeprefix(opening).strip(), after.lstrip()
    if text.lstrip().startswith(opening):  # cut before it came to an answer
        return text.lstrip().removeprefix(opening).strip(), ""
    return "", text


def _expect(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{name} should be {kind.__name__}, got {type(value).__name__}")
    return value


def _usage(record: Any) -> Usage | None:
    """Token counts; None unless all of them make sense, and then the reservation stands."""
    if not isinstance(record, dict):
        return None
    counts: list[Any] = [
        record.get("prompt_tokens"),
        record.get("completion_tokens"),
        0,
        0,
    ]
    if len(record) > 2:
        counts[2] = _detail(record, "prompt_tokens_details", "cached_tokens")
        counts[3] = _detail(record, "completion_tokens_details", "reasoning_tokens")
    # bool is an int to isinstance, but not a count.
    for count in counts:
        if type(count) is not int or not 0 <= count <= MOST_TOKENS:
            return None
    return Usage(*counts)


def _detail(record: dict, group: str, name: str) -> Any:
    details = record.get(group)
    return (details.get(name) if isinstance(details, dict) else 0) or 0


def _token_ids(choice: dict) -> tuple[int, ...] | None:
    """Token ids: a list of their own (vLLM), or beside the log-probabilities (llama.cpp)."""
    found = choice.get("token_ids")
    spelt = choice.get("logprobs")
    if found is None and spelt is None:
        return None
    entries = spelt.get("content") if isinstance(spelt, dict) else None
    if found is None and isinstance(entries, list) and entries:
        found = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
    ids = [token for token in found if type(token) is int] if isinstance(found, list) else []
    return tuple(ids) if isinstance(found, list) and len(ids) == len(found) else None


def _logprobs(record: Any, api: Api) -> tuple[TokenLogprob, ...] | None:
    """Log-probabilities if the server gives readable ones."""
    if record is None:
        return None
    try:
        if api == "chat" or "content" in record:
            return tuple(_chat_token(entry) for entry in record["content"])
        tops = record.get("top_logprobs") or [{}] * len(record["tokens"])
        rows = zip(record["tokens"], record["token_logprobs"], tops, strict=True)
        return tuple(
            TokenLogprob(str(token), _finite(value), _ranked((top or {}).items()))
            for token, value, top in rows
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _chat_token(entry: dict) -> TokenLogprob:
    tops = [(top["token"], top["logprob"]) for top in entry.get("top_logprobs") or []]
    return TokenLogprob(str(entry["token"]), _finite(entry["logprob"]), _ranked(tops))


def _ranked(pairs: Any) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(((str(t), _finite(p)) for t, p in pairs), key=lambda pair: -pair[1]))


def _finite(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError(f"a log-probability must be finite, got {value}")
    return float(value)
