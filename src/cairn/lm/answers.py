"""Readers of whole answers: text, structured output, calls of tools.

All of them raise an UnreadableAnswerError, which a caller may answer by asking again (another
sample) and must not answer by making up a value: a missing answer is not an answer.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.core.redact import printable
from cairn.lm.completion import CUT, STOPPED, Completion
from cairn.lm.errors import CutAnswerError, UnreadableAnswerError
from cairn.lm.tools import Schema, Tool, ToolCall

R = TypeVar("R")
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n?```", re.S)


def whole_text(answer: Completion, *, by: str) -> str:
    """The text of a whole answer of `by` ("target", "judge"). Raises CutAnswerError."""
    check_whole(answer, by=by)
    return answer.text


def check_whole(answer: Completion, *, by: str) -> None:
    """Raises CutAnswerError, with what happened and what to change, unless the answer is whole."""
    if not answer.whole:
        raise CutAnswerError(f"{by}: {_why_cut(answer)}")


def _why_cut(answer: Completion) -> str:
    finish = answer.finish_reason.lower()
    if finish in CUT:
        tokens = f" after {answer.usage.completion} tokens" if answer.usage else ""
        if not answer.text.strip() and (answer.reasoning or _reasoned(answer)):
            return (
                f"the answer was cut by max_tokens{tokens}: the reasoning used it up and nothing "
                f"was said. Raise max_tokens, or lower reasoning_effort."
            )
        return f"the answer was cut by max_tokens{tokens}. Raise max_tokens."
    if finish in STOPPED:
        return f"the answer was stopped before its end (finish_reason {finish!r})"
    if answer.reasoning:
        return f"reasoning, but no answer after it (finish_reason {finish!r})"
    return f"an empty answer (finish_reason {printable(finish)!r})"


def _reasoned(answer: Completion) -> bool:
    usage = answer.usage
    return usage is not None and usage.reasoning > 0


def structured(answer: Completion, schema: Schema | Mapping[str, Any], *, by: str) -> Any:
    """The JSON value that an answer is, checked against a JSON schema.

    A fence around it (```json) is taken off. Raises CutAnswerError or UnreadableAnswerError, which
    says where the value departs from the schema; ConfigError for a schema that is none.
    """
    text = whole_text(answer, by=by).strip()
    fenced = _FENCE.fullmatch(text)
    value = _json(fenced[1] if fenced else text, f"{by}: expected JSON")
    body = schema.body if isinstance(schema, Schema) else schema
    _check(value, body, f"{by}: the answer breaks its schema")
    return value


def tool_calls(
    answer: Completion, tools: Sequence[Tool], *, by: str
) -> list[tuple[ToolCall, dict[str, Any]]]:
    """The tools that an answer calls, each with its decoded arguments; empty if it calls none.

    Raises UnreadableAnswerError for a tool that does not exist, and for arguments that are no JSON
    object or break the tool's schema; CutAnswerError for a cut answer.
    """
    check_whole(answer, by=by)
    known = {tool.name: tool for tool in tools}
    found = []
    for call in answer.tool_calls:
        name = printable(call.name)[:80]
        if call.name not in known:
            names = ", ".join(known) or "none"
            raise UnreadableAnswerError(
                f"{by}: called a tool that does not exist: {name!r}; its tools are: {names}"
            )
        # Some servers send an empty text for no arguments.
        value = _json(call.arguments.strip() or "{}", f"{by}: expected arguments of {name} in JSON")
        if not isinstance(value, dict):
            raise UnreadableAnswerError(
                f"{by}: expected arguments of {name} as an object, got {type(value).__name__}"
            )
        if known[call.name].parameters:
            what = f"{by}: the arguments of {name} break its schema"
            _check(value, known[call.name].parameters, what)
        found.append((call, value))
    return found


async def read_again(
    ask: Callable[[int], Awaitable[Completion]], read: Callable[[Completion], R], *, readings: int
) -> R:
    """`read` of the first of at most `readings` samples that it can read.

    `ask(i)` brings sample i. Raises the UnreadableAnswerError of the last sample.
    """
    for attempt in range(readings):
        answer = await ask(attempt)
        try:
            return read(answer)
        except UnreadableAnswerError:
            if attempt == readings - 1:
                raise
    raise ConfigError(f"readings must be at least 1, got {readings}")


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise UnreadableAnswerError(f"{what}, got {printable(text[:60])!r}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check(value: Any, body: Mapping[str, Any], what: str) -> None:
    error = _validator(json.dumps(dict(body)))(value)
    if error is not None:
        raise UnreadableAnswerError(f"{what}: {error}")


@lru_cache(maxsize=256)
def _validator(body: str) -> Callable[[Any], str | None]:
    """A function that says where a value departs from the schema, or None."""
    try:
        from jsonschema.exceptions import SchemaError, best_match
        from jsonschema.validators import validator_for
        from referencing import Registry
        from referencing.exceptions import Unresolvable
    except ImportError as error:
        raise MissingExtraError(
            "reading an answer by its schema needs jsonschema: pip install 'cairn[lm]'"
        ) from error
    schema = json.loads(body)
    kind = validator_for(schema)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ConfigError(f"not a JSON schema: {error.message}") from None
    # An empty registry: a schema's $ref is never fetched from the network.
    validator = kind(schema, registry=Registry())

    def departs(value: Any) -> str | None:
        try:
            error = best_match(validator.iter_errors(value))
        except Unresolvable as missing:
            raise ConfigError(f"not a JSON schema: it refers to {missing.ref}.") from None
        except RecursionError:
            return "it is nested too deeply to be checked"
        if error is None:
            return None
        return printable(f"{error.message} at {error.json_path}")[:300]

    return departs
