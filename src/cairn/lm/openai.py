"""The OpenAI protocol as plain data: a request to a JSON body. The reply is read in `reply`.

Pure functions; the sending is in `cairn.lm.http`.
"""

from collections.abc import Mapping
from typing import Any, Literal

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.request import Message, Request
from cairn.lm.tools import Schema, Tool

Api = Literal["chat", "completions"]
PATHS: dict[Api, str] = {"chat": "/chat/completions", "completions": "/completions"}
TokensField = Literal["max_tokens", "max_completion_tokens"]
SchemaFormat = Literal["json_schema", "json_object", "none"]
"""How a server takes the form of an answer: the schema itself, "some JSON", or not at all."""


def payload(
    request: Request,
    *,
    model: str,
    api: Api,
    sample: str,
    tokens_field: TokensField,
    schema_format: SchemaFormat = "json_schema",
    stream: bool = False,
) -> dict[str, Any]:
    """The JSON body that asks for one sample of `request`.

    Raises ConfigError for tools where the protocol has none.
    """
    body: dict[str, Any] = {"model": model}
    if api == "chat":
        body["messages"] = [_turn(message) for message in request.messages]
        if request.tools or request.tool_choice is not None:
            body |= _tools(request)
    elif request.tools:
        raise ConfigError(
            'api = "completions" has no tools: take api = "chat", or a request without tools.'
        )
    else:
        body["prompt"] = transcript(request)
    body |= _sampling(request, api, sample, tokens_field)
    if request.schema is not None and schema_format != "none":
        body["response_format"] = _format(request.schema, schema_format)
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def finished(body: dict[str, Any], *layers: Mapping[str, Any], omit: tuple[str, ...]) -> dict:
    """`body` with further fields, later layers over earlier ones, and without the omitted ones."""
    for layer in layers:
        if layer:
            body = body | dict(layer)
    return {name: value for name, value in body.items() if name not in omit} if omit else body


def _sampling(request: Request, api: Api, sample: str, tokens_field: TokensField) -> dict[str, Any]:
    sampling = request.sampling
    fields: dict[str, Any] = {tokens_field: sampling.max_tokens}
    if sampling.temperature is not None:
        fields["temperature"] = sampling.temperature
    if sampling.top_p < 1:
        fields["top_p"] = sampling.top_p
    if sampling.stop:
        fields["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        # One seed for all samples would make n votes one vote.
        fields["seed"] = DrawKey.root(sampling.seed).child(sample).integer(31)
    if sampling.logprobs:
        chat = {"logprobs": True, "top_logprobs": sampling.logprobs}
        fields |= chat if api == "chat" else {"logprobs": sampling.logprobs}
    if sampling.reasoning_effort is not None:
        fields["reasoning_effort"] = sampling.reasoning_effort
    if sampling.token_ids:
        fields["return_token_ids"] = True
    return fields


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        turn["content"] = message.content or None
        turn["tool_calls"] = [
            {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
            for id_, name, arguments in message.tool_calls
        ]
    if message.call_id is not None:
        turn["tool_call_id"] = message.call_id
    return turn


def _tools(request: Request) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if request.tools:
        fields["tools"] = [{"type": "function", "function": _tool(t)} for t in request.tools]
    choice = request.tool_choice
    if choice in ("auto", "none", "required"):
        fields["tool_choice"] = choice
    elif choice is not None:
        fields["tool_choice"] = {"type": "function", "function": {"name": choice}}
    return fields


def _tool(tool: Tool) -> dict[str, Any]:
    parameters = dict(tool.parameters) or {"type": "object", "properties": {}}
    shown: dict[str, Any] = {"name": tool.name, "parameters": parameters}
    if tool.description:
        shown["description"] = tool.description
    if tool.strict is not None:
        shown["strict"] = tool.strict
    return shown


def _format(schema: Schema, how: SchemaFormat) -> dict[str, Any]:
    if how == "json_object":
        return {"type": "json_object"}
    shown: dict[str, Any] = {"name": schema.name, "schema": dict(schema.body)}
    if schema.strict is not None:
        shown["strict"] = schema.strict
    return {"type": "json_schema", "json_schema": shown}


def transcript(request: Request) -> str:
    """A conversation as one prompt: a lone user turn as it is, otherwise `Speaker: text` lines
    and an open turn for the assistant."""
    messages = request.messages
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    turns = [f"{message.role.capitalize()}: {message.content}" for message in messages]
    return "\n\n".join([*turns, "Assistant:"])
