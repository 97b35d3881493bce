"""A streamed reply (server-sent events) put together into the record of one that was not.

The whole stream is read before it counts: half an answer is a failed attempt.
"""

import json
from typing import Any

from cairn.lm.openai import Api


class StreamFailedError(Exception):
    """The server said in its stream that it cannot go on; the message is the server's."""


def gathered(body: bytes, api: Api) -> dict[str, Any]:
    """The record of a whole reply. Raises ValueError, TypeError or KeyError for a stream that ends
    early or is none, and StreamFailedError."""
    choice: dict[str, Any] = {"finish_reason": None}
    message: dict[str, Any] = {"content": None}
    record: dict[str, Any] = {"choices": [choice]}
    done = False
    for event in _events(body):
        if event == "[DONE]":
            done = True
            break
        chunk = json.loads(event)
        if not isinstance(chunk, dict):
            raise TypeError(f"a chunk should be dict, got {type(chunk).__name__}")
        if chunk.get("error"):
            raise StreamFailedError(_words(chunk["error"]))
        if isinstance(chunk.get("usage"), dict):
            record["usage"] = chunk["usage"]
        for part in chunk.get("choices") or ():
            if part.get("index", 0) == 0:
                _add(choice, message, part, api)
    if choice["finish_reason"] is None and not done:
        raise ValueError("the stream ended before its answer did")
    if api == "chat":
        message["tool_calls"] = [call for _, call in sorted(message.pop("calls", {}).items())]
        choice["message"] = message
    else:
        choice.setdefault("text", "")
    return record


def _events(body: bytes) -> list[str]:
    """The data of each event; comments and names of events are passed over."""
    text = body.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    events = []
    for block in text.split("\n\n"):
        lines = [line[5:].removeprefix(" ") for line in block.split("\n") if line[:5] == "data:"]
        if lines:
            events.append("\n".join(lines).strip())
    return events


def _words(error: Any) -> str:
    return str(error.get("message") or error) if isinstance(error, dict) else str(error)


def _add(choice: dict[str, Any], message: dict[str, Any], part: dict[str, Any], api: Api) -> None:
    """One chunk of the first choice onto what came before it."""
    if part.get("finish_reason") is not None:
        choice["finish_reason"] = part["finish_reason"]
    if part.get("token_ids"):
        choice.setdefault("token_ids", []).extend(part["token_ids"])
    if part.get("logprobs"):
        known = choice.setdefault("logprobs", {})
        for name, values in part["logprobs"].items():
            if isinstance(values, list):
                known.setdefault(name, []).extend(values)
    if api == "completions":
        choice["text"] = choice.get("text", "") + (part.get("text") or "")
        return
    delta = part.get("delta") or {}
    for name in ("content", "refusal", "reasoning_content", "reasoning"):
        if isinstance(delta.get(name), str):
            message[name] = (message.get(name) or "") + delta[name]
    for call in delta.get("tool_calls") or ():
        _add_call(message.setdefault("calls", {}), call)


def _add_call(calls: dict[int, dict[str, Any]], part: dict[str, Any]) -> None:
    """A piece of a call: its id and name come first, its arguments in any number of pieces."""
    index = part.get("index")
    if index is None:  # one that says no number goes on with the last, unless it begins another
        index = len(calls) if part.get("id") or not calls else max(calls)
    call = calls.setdefault(index, {"function": {"arguments": ""}})
    function = part.get("function") or {}
    if part.get("id"):
        call["id"] = part["id"]
    if function.get("name"):
        call["function"].setdefault("name", function["name"])
    call["function"]["arguments"] += function.get("arguments") or ""
