"""The OpenAI protocol as plain data: a request to a JSON body, a reply to a completion or error.

Strict where it matters: a reply of the wrong shape is a failed attempt, never an empty answer.
Pure functions; the sending is in `cairn.lm.http`.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from cairn.core.draws import DrawKey
from cairn.core.redact import encodable
from cairn.lm.errors import AttemptFailedError, EndpointRefusedError, LMError, RejectedError
from cairn.lm.pace import retry_after_s
from cairn.lm.request import Completion, Request, TokenLogprob, Usage

Api = Literal["chat", "completions"]
PATHS: dict[Api, str] = {"chat": "/chat/completions", "completions": "/completions"}

MOST_TOKENS = 2**40
"""Of one call. A server that claims more has not counted."""

_FATAL_CODES = ("model_not_found", "insufficient_quota", "billing_hard_limit_reached")
_MODERATION = ("moderation", "flagged", "content_filter", "content policy")


def payload(request: Request, *, model: str, api: Api, sample: str, tokens_field: str) -> dict:
    """The JSON body that asks for one sample of `request`."""
    sampling = request.sampling
    body: dict[str, Any] = {"model": model, "temperature": sampling.temperature}
    if api == "chat":
        body["messages"] = [{"role": role, "content": text} for role, text in request.messages]
    else:
        body["prompt"] = transcript(request)
    body[tokens_field] = sampling.max_tokens
    if sampling.top_p < 1:
        body["top_p"] = sampling.top_p
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        # One seed for all samples would make n votes one vote.
        body["seed"] = DrawKey.root(sampling.seed).child(sample).integer(31)
    if sampling.logprobs:
        chat = {"logprobs": True, "top_logprobs": sampling.logprobs}
        body |= chat if api == "chat" else {"logprobs": sampling.logprobs}
    return body


def transcript(request: Request) -> str:
    """A conversation as one prompt: a lone user turn as it is, otherwise `Speaker: text` lines
    and an open turn for the assistant."""
    messages = request.messages
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    turns = [f"{role.capitalize()}: {text}" for role, text in messages]
    return "\n\n".join([*turns, "Assistant:"])


def read_reply(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    api: Api,
    name: str,
    redact: Callable[[str], str] = str,
) -> Completion:
    """The completion in a server's reply; `redact` is applied to what an error repeats of it.

    Raises what the reply means: AttemptFailedError (try again), RejectedError (this request never),
    EndpointRefusedError (no request ever).
    """
    if 200 <= status < 300:
        try:
            return read_completion(json.loads(body), api)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            shown = _shown(body.decode("utf-8", "replace"), redact, most=80)
            message = f"{name} sent an unreadable reply ({redact(str(error))}): {shown!r}"
            raise AttemptFailedError("malformed", message, maybe_paid=True) from error
    raise failure(status, headers, body, name=name, redact=redact)


def failure(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    name: str,
    redact: Callable[[str], str] = str,
) -> LMError:
    """What an error status means."""
    code, text = _error_text(body)
    text = _shown(text, redact, most=300)
    message = f"{name} answered {status}: {text}"
    wait_s = retry_after_s(headers)
    if code in _FATAL_CODES:
        return EndpointRefusedError(f"{message}. Check `model`, the account, and its credit.")
    if status == 429:
        return AttemptFailedError("rate", message, retry_after_s=wait_s)
    if status in (503, 529):
        return AttemptFailedError("overload", message, retry_after_s=wait_s)
    if status in (408, 409, 425) or status >= 500:
        return AttemptFailedError("server", message, maybe_paid=True, retry_after_s=wait_s)
    if status == 403 and any(word in f"{code} {text}".lower() for word in _MODERATION):
        return RejectedError(message)
    if status in (401, 402, 403):
        return EndpointRefusedError(
            f"{message}. Check the key that api_key_env names, and its rights."
        )
    if status in (404, 405) or status < 400:
        return EndpointRefusedError(
            f"{message}. Check base_url (it usually ends in /v1) and `model`."
        )
    return RejectedError(message)


def _error_text(body: bytes) -> tuple[str, str]:
    """(code, message) of an error body in one of the shapes that servers use."""
    plain = body.decode("utf-8", "replace").strip() or "(no text)"
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        return "", plain
    error = record.get("error", record) if isinstance(record, dict) else record
    if isinstance(error, str):
        return "", error
    if not isinstance(error, dict):
        return "", plain
    text = error.get("message") or error.get("detail") or plain
    return str(error.get("code") or error.get("type") or ""), str(text)


def _shown(text: str, redact: Callable[[str], str], *, most: int) -> str:
    """The beginning of a server's words. Redacted first: half a key is not recognised as one."""
    return encodable(redact(text))[:most]


def read_completion(record: Any, api: Api) -> Completion:
    """A completion from a decoded reply; raises ValueError, TypeError or KeyError."""
    choices = _expect(_expect(record, dict, "reply")["choices"], list, "choices")
    if not choices:
        raise ValueError("choices is empty")
    choice = _expect(choices[0], dict, "choice")
    finish = choice.get("finish_reason")
    if api == "chat":
        text = _chat_text(_expect(choice["message"], dict, "message"), finish)
    else:
        text = _expect(choice["text"], str, "text")
    return Completion(
        text=text,
        finish_reason=finish if isinstance(finish, str) else "unknown",
        usage=_usage(record.get("usage")),
        logprobs=_logprobs(choice.get("logprobs"), api),
    )


def _chat_text(message: dict, finish: object) -> str:
    content = message.get("content")
    if isinstance(content, list):  # parts
        parts = [_expect(part, dict, "part") for part in content]
        return "".join(_expect(part.get("text", ""), str, "text of a part") for part in parts)
    if content is None and isinstance(message.get("refusal"), str):
        return message["refusal"]
    if content is None and isinstance(finish, str):
        return ""  # a filter's stop, or a call of a tool
    return _expect(content, str, "content")


def _expect(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{name} should be {kind.__name__}, got {type(value).__name__}")
    return value


def _usage(record: Any) -> Usage | None:
    """Token counts; None unless all of them make sense, and then the reservation stands."""
    if not isinstance(record, dict):
        return None
    details = record.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    counts: list[Any] = [record.get("prompt_tokens"), record.get("completion_tokens"), cached or 0]
    # bool is an int to isinstance, but not a count.
    if any(type(count) is not int or not 0 <= count <= MOST_TOKENS for count in counts):
        return None
    return Usage(*counts)


def _logprobs(record: Any, api: Api) -> tuple[TokenLogprob, ...] | None:
    """Log-probabilities if the server gives readable ones."""
    try:
        if api == "chat":
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
