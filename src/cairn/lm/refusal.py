"""What an error status means: try again, never this request, or no request at all.

A server says "no" to a request for what it asks (too long, filtered), which is that request's
answer, or for how it asks (an unknown parameter, a wrong key), which is every request's answer and
a mistake in the config. Statuses do not tell the two apart: many servers say 400 to both. So the
error's code, parameter and wording are read, where they are the server's own words.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cairn.core.redact import printable
from cairn.lm.errors import (
    AttemptFailedError,
    EndpointRefusedError,
    LMError,
    ModeratedError,
    ParameterRefusedError,
    RejectedError,
)
from cairn.lm.pace import retry_after_s

_ACCOUNT = ("insufficient_quota", "billing_hard_limit_reached", "account_deactivated")
_KEY = ("invalid_api_key", "authentication_error", "invalid_authentication", "permission_error")
_KEY += ("no_db_connection",)  # LiteLLM's 400 to a wrong key where it keeps no keys of its own
_MODEL = ("model_not_found", "deploymentnotfound", "invalid_model", "model_not_supported")
_PARAMETER = (
    "unsupported_parameter", "unsupported_value", "unknown_parameter", "invalid_parameter_value",
    "extra_forbidden", "unsupported_country_region_territory",
)  # fmt: skip
_CONTENT = ("context_length_exceeded", "string_above_max_length", "invalid_prompt")
_MODERATION = ("moderation", "flagged", "content_filter", "content policy", "content_policy")
_MODERATION += ("content management policy", "responsibleaipolicyviolation", "safety system")
_TOO_LONG = re.compile(
    r"(?i)context (?:length|window|size)|(?:prompt|input|request|message|content)s? "
    r"(?:is|are|was) too (?:long|large|many)|reduce (?:the|your) (?:length|prompt)|too many tokens"
)
_OF_KEY = re.compile(
    r"(?i)(?:invalid|incorrect|missing|expired|wrong|malformed|no)\b.{0,30}\b(?:api[ _-]?key|"
    r"(?:access|auth|bearer) token|credential)|"
    r"api[ _-]?key (?:is )?(?:not|invalid|expired|missing)|unauthori[sz]ed|authentication"
)
_OF_MODEL = re.compile(
    r"(?i)\bmodel\b.{0,100}\b(?:does not exist|not found|not available|is not supported|is unknown|"
    r"has been deprecated|not exist)|(?:invalid|unknown|no such) model|is pinned to"
)
_OF_PARAMETER = re.compile(
    r"(?i)(?:unsupported|unrecogni[sz]ed|unknown|unexpected|invalid) (?:request )?(?:parameter|"
    r"argument|field|value|keyword)|extra inputs are not permitted|extra fields not permitted|"
    r"(?:is|are) not supported (?:with|by|for|in|on) (?:this|the)\b|does not support|requires --"
)
_NOT_SUPPORTED = re.compile(r"(?i)not support(?:ed)?\b|unsupported|requires --")
_CONTENT_FIELDS = ("messages", "prompt", "tools", "response_format")
"""What differs from request to request: a fault in it is that request's."""


@dataclass(frozen=True)
class ErrorBody:
    """An error as a server words it, in one of the shapes that servers use."""

    codes: tuple[str, ...]
    """Code and type, in lower case."""
    param: str
    """The field of the request that it names, or nothing."""
    text: str

    @staticmethod
    def of(body: bytes) -> "ErrorBody":
        """Reads what can be read; the whole body is the text otherwise."""
        plain = body.decode("utf-8", "replace").strip() or "(no text)"
        try:
            record = json.loads(body)
        except (ValueError, RecursionError):
            return ErrorBody((), "", plain)
        error = record.get("error", record) if isinstance(record, dict) else record
        if isinstance(error, str):
            return ErrorBody((), "", error)
        if not isinstance(error, dict):
            return ErrorBody((), "", plain)
        detail = error.get("detail")
        if isinstance(detail, list) and detail and isinstance(detail[0], dict):
            return _of_pydantic(detail[0], plain)
        text = error.get("message") or detail or plain
        inner = error.get("innererror") or error.get("metadata")
        inner = inner if isinstance(inner, dict) else {}
        codes = (error.get("code"), error.get("type"), inner.get("code"), inner.get("error_type"))
        named = tuple(str(code).lower() for code in codes if code)
        return ErrorBody(named, str(error.get("param") or ""), str(text))


def _of_pydantic(first: dict, plain: str) -> ErrorBody:
    """`{"detail": [{"type": ..., "loc": ["body", "top_k"], "msg": ...}]}`"""
    where = first.get("loc")
    param = str(where[1]) if isinstance(where, list) and len(where) > 1 else ""
    text = f"{first.get('msg') or plain} ({param})" if param else str(first.get("msg") or plain)
    return ErrorBody((str(first.get("type") or "").lower(),), param, text)


def failure(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    name: str,
    redact: Callable[[str], str] = str,
    asked: Mapping[str, Any] | None = None,
) -> LMError:
    """What an error status means. `asked` is the JSON body that was refused."""
    error = ErrorBody.of(body)
    message = f"{name} answered {status}: {shown(error.text, redact, most=300).rstrip('.')}"
    wait_s = retry_after_s(headers)
    if _has(error, _ACCOUNT) or _has(error, _MODEL):
        return EndpointRefusedError(f"{message}. Check `model`, the account, and its credit.")
    if status == 429:
        return AttemptFailedError("rate", message, retry_after_s=wait_s)
    if status in (502, 503, 529):
        # A gateway whose server is away; the one behind 502 may have begun.
        maybe_paid = status == 502
        return AttemptFailedError("overload", message, maybe_paid, retry_after_s=wait_s)
    if status in (408, 409, 425) or status >= 500:
        return AttemptFailedError("server", message, maybe_paid=True, retry_after_s=wait_s)
    if status == 401:
        return EndpointRefusedError(f"{message}. {_CHECK_KEY}")
    if status in (400, 403, 413, 422) and _moderated(error):
        return ModeratedError(message)
    if status in (402, 403):
        return EndpointRefusedError(f"{message}. {_CHECK_KEY}")
    if status in (404, 405) or status < 400:
        return EndpointRefusedError(
            f"{message}. Check base_url (it usually ends in /v1) and `model`."
        )
    advice = _mistake(error, asked or {})
    if advice is None:
        return RejectedError(message)
    kind = ParameterRefusedError if "parameter" in advice else EndpointRefusedError
    return kind(f"{message}. {advice}")


_CHECK_KEY = "Check the key that api_key_env names, and its rights."


def _mistake(error: ErrorBody, asked: Mapping[str, Any]) -> str | None:
    """What to check in the config, if that is what was refused; None if it is the content."""
    if _has(error, _CONTENT):
        return None
    if _has(error, _KEY):
        return _CHECK_KEY
    field = re.split(r"[.\[]", error.param)[0]
    parameter = (
        f"The parameter {field!r} is refused: change it, or leave it out with "
        f'omit = ["{field}"] (tokens_field names the field of the longest answer).'
        if field
        else "A parameter is refused: change it, or leave it out with omit (tokens_field names the "
        "field of the longest answer)."
    )
    if _has(error, _PARAMETER):
        return parameter
    words = _own_words(error.text, asked)
    if _TOO_LONG.search(words):
        return None
    if field in _CONTENT_FIELDS and not _NOT_SUPPORTED.search(words):
        return None
    if field in asked and field != "model":
        return parameter
    if field == "model" or _OF_MODEL.search(words):
        return "Check `model`."
    if _OF_PARAMETER.search(words):
        return parameter
    return _CHECK_KEY if _OF_KEY.search(words) else None


def _has(error: ErrorBody, codes: tuple[str, ...]) -> bool:
    return any(code in codes for code in error.codes)


def _moderated(error: ErrorBody) -> bool:
    said = " ".join((*error.codes, error.text)).lower()
    return any(word in said for word in _MODERATION)


def _own_words(text: str, asked: Mapping[str, Any]) -> str:
    """The server's words without what it repeats of the request: a prompt about an invalid key,
    quoted in an error, does not make the key invalid."""
    text = text[:2000]
    for said in _said(asked):
        beginning = said.strip()[:24]
        at = text.find(beginning) if len(beginning) >= 8 else -1
        if at >= 0:
            text = text[:at]
    return text


def _said(asked: Mapping[str, Any]) -> Iterator[str]:
    for message in asked.get("messages", ()):
        if isinstance(message.get("content"), str):
            yield message["content"]
    if isinstance(asked.get("prompt"), str):
        yield asked["prompt"]


def shown(text: str, redact: Callable[[str], str], *, most: int) -> str:
    """The beginning of a server's words, on one line that any terminal can show. Redacted first:
    half a key is not recognised as one."""
    return printable(" ".join(redact(text).split()), keep="")[:most]
