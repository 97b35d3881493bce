"""What a client may ask of the local model: the OpenAI protocol's JSON, read strictly.

A field that would change the answer and is not known here is refused, never passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cairn.lm.local_fields import Fields, RefusedError, kind_of
from cairn.lm.openai import Api

Prompt = str | tuple[int, ...] | tuple[Mapping[str, Any], ...]
"""A text, tokens, or the turns of a conversation."""
MOST_TOP = 20
MOST_STOPS = 16
MOST_ANSWERS = 128


@dataclass(frozen=True)
class Ask:
    """A request that can be answered."""

    api: Api
    prompts: tuple[Prompt, ...]
    n: int
    """Answers to each."""
    most: int | None
    """Tokens of an answer; None: as many as fit."""
    temperature: float
    top_k: int
    top_p: float
    seed: int | None
    stop: tuple[str, ...]
    ends: bool
    """Whether the model may end its answer (not with `ignore_eos`)."""
    top: int | None
    """Alternatives to report for each token; None: no log-probabilities."""
    processed: bool
    """Log-probabilities of what was sampled from, not of the model at temperature 1."""
    token_ids: bool
    stream: bool
    usage: bool
    """Whether a stream ends with the usage."""


def read_ask(body: object, api: Api, models: frozenset[str]) -> Ask:
    """The request in a decoded JSON body. Raises RefusedError."""
    if not isinstance(body, dict):
        raise RefusedError(f"The body must be a JSON object, got {kind_of(body)}.")
    fields = Fields(body)
    model = fields.take("model", str, "")
    if model and model not in models:
        raise RefusedError(
            f"The model {model!r} does not exist here: there is {', '.join(sorted(models))}.",
            param="model",
            code="model_not_found",
            status=404,
        )
    prompts = (_turns(fields),) if api == "chat" else _prompts(fields)
    stream = fields.take("stream", bool, False)
    ask = Ask(
        api=api,
        prompts=prompts,
        n=fields.integer("n", 1, 1, MOST_ANSWERS),
        most=_most(fields, api),
        temperature=fields.number("temperature", 1.0, 0.0, 100.0),
        top_k=max(fields.integer("top_k", 0, -1, 2**31 - 1), 0),
        top_p=fields.number("top_p", 1.0, 0.0, 1.0),
        seed=fields.integer("seed", None, -(2**63), 2**63 - 1),
        stop=_stop(fields),
        ends=not fields.take("ignore_eos", bool, False),
        top=_top(fields, api),
        processed=fields.one_of("logprobs_mode", "raw_logprobs", "processed_logprobs"),
        token_ids=fields.take("return_token_ids", bool, False),
        stream=stream,
        usage=_usage(fields, stream),
    )
    fields.nothing_left()
    return ask


def _most(fields: Fields, api: Api) -> int | None:
    """Either name of the longest answer; both must agree."""
    old = fields.integer("max_tokens", None, 1, 2**31 - 1)
    new = fields.integer("max_completion_tokens", None, 1, 2**31 - 1)
    if None not in (old, new) and old != new:
        raise RefusedError(
            f"max_tokens and max_completion_tokens are one limit, got {old} and {new}.",
            param="max_tokens",
        )
    found = old if new is None else new
    return 16 if found is None and api == "completions" else found


def _stop(fields: Fields) -> tuple[str, ...]:
    given = fields.any("stop")
    stop = [given] if isinstance(given, str) else given or []
    if not isinstance(stop, list) or len(stop) > MOST_STOPS or not all(map(_is_text, stop)):
        raise RefusedError(
            f"stop must be a string or up to {MOST_STOPS} of them, none empty.", param="stop"
        )
    return tuple(stop)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _top(fields: Fields, api: Api) -> int | None:
    """How many alternatives; chat has a switch and a number, completions a number alone."""
    if api == "completions":
        return fields.integer("logprobs", None, 0, MOST_TOP)
    wanted = fields.take("logprobs", bool, False)
    top = fields.integer("top_logprobs", None, 0, MOST_TOP)
    if top is not None and not wanted:
        raise RefusedError("top_logprobs needs logprobs: true.", param="top_logprobs")
    return (top or 0) if wanted else None


def _usage(fields: Fields, stream: bool) -> bool:
    options = fields.any("stream_options")
    if options is None:
        return False
    if not stream or not isinstance(options, dict):
        raise RefusedError(
            "stream_options must be an object, with stream: true.", param="stream_options"
        )
    return options.get("include_usage") is True


def _prompts(fields: Fields) -> tuple[Prompt, ...]:
    """One prompt or several, each a text or a list of tokens."""
    given = fields.any("prompt")
    several = given if isinstance(given, list) else [given]
    if several and all(type(token) is int for token in several):
        several = [several]
    if not several:
        raise RefusedError(
            "prompt must hold at least one prompt, got an empty list.", param="prompt"
        )
    return tuple(map(_prompt, several))


def _prompt(given: object) -> Prompt:
    if isinstance(given, str):
        return given
    if isinstance(given, list) and given and all(type(token) is int for token in given):
        return tuple(given)
    raise RefusedError(
        "prompt must be a string, a list of strings, a list of token ids, or a list of such lists.",
        param="prompt",
    )


def _turns(fields: Fields) -> tuple[Mapping[str, Any], ...]:
    """The conversation; contents in parts become texts."""
    given = fields.any("messages")
    if not isinstance(given, list) or not given:
        raise RefusedError("messages must be a list of at least one message.", param="messages")
    return tuple(_turn(turn, f"messages.{place}") for place, turn in enumerate(given))


def _turn(turn: object, where: str) -> Mapping[str, Any]:
    roles = ("system", "developer", "user", "assistant", "tool")
    if not isinstance(turn, dict) or turn.get("role") not in roles:
        raise RefusedError(
            f"{where} must be an object whose role is one of {', '.join(roles)}.", param=where
        )
    return {**turn, "content": _content(turn.get("content"), turn["role"], f"{where}.content")}


def _content(content: object, role: str, where: str) -> str:
    if isinstance(content, str):
        return content
    if content is None and role == "assistant":
        return ""
    texts = [
        part["text"]
        for part in (content if isinstance(content, list) else [])
        if isinstance(part, dict)
        and part.get("type") == "text"
        and isinstance(part.get("text"), str)
    ]
    if isinstance(content, list) and content and len(texts) == len(content):
        return "".join(texts)
    raise RefusedError(f"{where} must be a text, or a list of parts of type text.", param=where)
