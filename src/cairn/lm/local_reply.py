"""Answers of the local model in the OpenAI protocol's words, whole or piece by piece."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cairn.lm.local_ask import Ask
from cairn.lm.local_text import Token


class Answer(NamedTuple):
    """An answer, or a piece of one."""

    number: int
    """Which of the answers to its request."""
    text: str
    tokens: Sequence[Token]
    finish: str | None
    offset: int = 0
    """Characters of the answer before this piece."""


class Head(NamedTuple):
    """What all of a reply's parts begin with."""

    id: str
    created: int
    model: str


def usage(prompt: int, completion: int) -> dict[str, int]:
    """Tokens of a request."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def whole(
    ask: Ask, head: Head, answers: Sequence[Answer], word: Callable[[int], str], prompt: int
) -> dict[str, Any]:
    """The reply to a request that is not streamed."""
    kind = "chat.completion" if ask.api == "chat" else "text_completion"
    completion = sum(len(answer.tokens) for answer in answers)
    choices = [_choice(ask, answer, word, "message") for answer in answers]
    return {**_begun(head, kind), "choices": choices, "usage": usage(prompt, completion)}


def event(ask: Ask, head: Head, answer: Answer, word: Callable[[int], str]) -> bytes:
    """A piece of a streamed reply."""
    choice = _choice(ask, answer, word, "delta")
    return _event({**_begun(head, _stream_kind(ask)), "choices": [choice]})


def opening(ask: Ask, head: Head, number: int) -> bytes:
    """How a streamed answer of a conversation begins: who speaks."""
    delta = {"role": "assistant", "content": ""}
    choice = {"index": number, "delta": delta, "logprobs": None, "finish_reason": None}
    return _event({**_begun(head, _stream_kind(ask)), "choices": [choice]})


def closing(ask: Ask, head: Head, prompt: int, completion: int) -> bytes:
    """How a stream ends."""
    end = b"data: [DONE]\n\n"
    if not ask.usage:
        return end
    spent = usage(prompt, completion)
    return _event({**_begun(head, _stream_kind(ask)), "choices": [], "usage": spent}) + end


def failed(message: str) -> bytes:
    """A stream that cannot go on says so in its place."""
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return _event({"error": error})


def _stream_kind(ask: Ask) -> str:
    return "chat.completion.chunk" if ask.api == "chat" else "text_completion"


def _begun(head: Head, kind: str) -> dict[str, Any]:
    return {"id": head.id, "object": kind, "created": head.created, "model": head.model}


def _event(record: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(record)}\n\n".encode()


def _choice(ask: Ask, answer: Answer, word: Callable[[int], str], under: str) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": answer.number, "finish_reason": answer.finish}
    if ask.api == "completions":
        choice["text"] = answer.text
        choice["logprobs"] = None if ask.top is None else _listed(ask, answer, word)
    else:
        said = {"content": answer.text}
        choice[under] = said if under == "delta" else {"role": "assistant", **said, "refusal": None}
        choice["logprobs"] = None if ask.top is None else _by_token(ask, answer, word)
    if ask.token_ids:
        choice["token_ids"] = [token.id for token in answer.tokens]
    return choice


def _logp(ask: Ask, token: Token) -> float:
    return token.logp if ask.processed else token.logp_model


def _by_token(ask: Ask, answer: Answer, word: Callable[[int], str]) -> dict[str, Any]:
    """Log-probabilities as chat has them."""

    def entry(token: int, logp: float) -> dict[str, Any]:
        text = word(token)
        # Of a piece of a character the text does not tell the bytes.
        known = None if "�" in text else list(text.encode("utf-8", "surrogatepass"))
        return {"token": text, "logprob": logp, "bytes": known}

    rows = [
        {
            **entry(token.id, _logp(ask, token)),
            "top_logprobs": [entry(*pair) for pair in token.top[: ask.top]],
        }
        for token in answer.tokens
    ]
    return {"content": rows, "refusal": None}


def _listed(ask: Ask, answer: Answer, word: Callable[[int], str]) -> dict[str, Any]:
    """Log-probabilities as completions have them."""
    words = [word(token.id) for token in answer.tokens]
    offsets, at = [], answer.offset
    for text in words:
        offsets.append(at)
        at += len(text)
    tops = [{word(id_): logp for id_, logp in token.top[: ask.top]} for token in answer.tokens]
    return {
        "tokens": words,
        "token_logprobs": [_logp(ask, token) for token in answer.tokens],
        "top_logprobs": tops if ask.top else None,
        "text_offset": offsets,
    }
