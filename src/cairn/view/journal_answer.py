"""What an answer says, and what was asked, from the texts that a run keeps of them."""

import json
from collections.abc import Iterator
from typing import Any

from cairn.core.redact import printable
from cairn.lm.completion import Completion, unpack
from cairn.lm.errors import RejectedError
from cairn.report.parts import Part, Table, Text, Words
from cairn.report.render import clipped
from cairn.report.tables import redacted
from cairn.report.words import money

TOKENS = 500
"""Tokens whose log-probabilities are shown."""
TURNS = 100
BEGINNING = 240
"""Characters of a text in a list."""


def beginning(text: str) -> str:
    """How a text begins, on one line; one that is a text in JSON is shown as it reads."""
    line = " ".join((_read(text) if text.startswith('"') else text).split())
    return line if len(line) <= BEGINNING else f"{line[:BEGINNING]} …"


def words_of(body: str) -> str:
    """How an answer begins, from the first characters of what a journal keeps of it."""
    for name, before in (("text", ""), ("rejected", "rejected: ")):
        start = f'{{"{name}":'
        if body.startswith(start):
            said = before + _read(body.removeprefix(start).lstrip())
            return beginning(said) or "no text"
    return beginning(body)


def _read(text: str) -> str:
    """The text in JSON at the beginning of a text, which may be cut off in it."""
    try:
        return str(json.JSONDecoder().raw_decode(text)[0])
    except ValueError:
        pass
    for cut in range(12):  # an escape at the end takes up to twelve characters
        try:
            return str(json.loads(text[: len(text) - cut] + '"'))
        except ValueError:
            continue
    return text


def answer(body: str, *, redact: bool) -> Iterator[Part]:
    """The parts of an answer as a journal keeps it: a model's, a rejection, or a program's text."""
    try:
        found = unpack(body, cache_hit=True)
    except RejectedError as error:
        said = redacted(str(error)) if redact else clipped(str(error))
        yield Words("The request was rejected, which is an answer: it is not asked again.", "bad")
        yield Text(said, "rejection")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        yield Text(redacted(body) if redact else clipped(body), "result")
    else:
        yield from _completion(found, redact=redact)


def request(body: bytes, *, redact: bool) -> Iterator[Part]:
    """What was asked, as a stage kept it: a conversation in JSON, or any text."""
    text = body.decode("utf-8", "replace")
    try:
        record = json.loads(text)
        turns = [_turn(turn) for turn in record["messages"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        yield Text(redacted(text) if redact else clipped(text), "request")
        return
    for role, said in turns[:TURNS]:
        yield Text(redacted(said) if redact else clipped(said), f"request, {role}")
    if len(turns) > TURNS:
        yield Words(f"{len(turns) - TURNS:,} more turns are not shown.", "muted")
    rest = {name: value for name, value in record.items() if name != "messages"}
    if rest and not redact:
        yield Text(clipped(json.dumps(rest, ensure_ascii=False, indent=1)), "sampling and the rest")


def _turn(turn: Any) -> tuple[str, str]:
    if isinstance(turn, dict):
        said = turn["content"]
        return str(turn["role"]), said if isinstance(said, str) else json.dumps(said)
    return str(turn[0]), str(turn[1])


def _completion(found: Completion, *, redact: bool) -> Iterator[Part]:
    shown = redacted if redact else clipped
    finish = printable(found.finish_reason)[:80]
    facts: list[tuple[str, str | int]] = [("finish reason", finish)]
    if not found.whole:
        facts.append(("whole", "no: it was cut or stopped, or says nothing"))
    if found.usage is not None:
        names = ("prompt tokens", "answer tokens", "of the prompt cached", "of it reasoning")
        facts += zip(names, found.usage, strict=True)
    if found.cost_micros is not None:
        facts.append(("money", money(found.cost_micros)))
    if found.token_ids is not None:
        facts.append(("token ids", f"{len(found.token_ids):,} are kept"))
    yield Table(("", ""), facts)
    if found.reasoning:
        yield Text(shown(found.reasoning), "reasoning")
    yield Text(shown(found.text), "answer")
    for call in found.tool_calls:
        name = printable(call.name)[:80]
        yield Text(shown(call.arguments), f"call of the tool {name}")
    if found.logprobs and not redact:
        yield from _logprobs(found)


def _logprobs(found: Completion) -> Iterator[Part]:
    tokens = found.logprobs or ()
    rows = [
        (place, repr(token.token)[:80], token.logprob, _others(token.top))
        for place, token in enumerate(tokens[:TOKENS])
    ]
    more = f"The first {TOKENS} of {len(tokens):,} tokens." if len(tokens) > TOKENS else ""
    head = ("place", "token", "log-probability", "likeliest")
    yield Table(head, rows, caption=more, name="log-probabilities")


def _others(top: tuple[tuple[str, float], ...]) -> str:
    return ", ".join(f"{token[:40]!r} {value:.3f}" for token, value in top[:10])
