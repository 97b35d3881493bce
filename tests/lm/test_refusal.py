"""What a server's "no" means: to this request, or to all."""

import json

import pytest

from cairn.lm.errors import (
    AttemptFailedError,
    EndpointRefusedError,
    ModeratedError,
    RejectedError,
)
from cairn.lm.refusal import failure

ASKED = {
    "model": "m",
    "messages": [{"role": "user", "content": "Explain: Incorrect API key provided. Why?"}],
    "max_tokens": 8,
    "temperature": 0.7,
    "tools": [],
}


def verdict(status: int, error: object):
    body = error if isinstance(error, str) else json.dumps(error)
    return failure(status, {}, body.encode(), name="m", asked=ASKED)


def openai(message: str, code: str | None = None, param: str | None = None) -> dict:
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


CONFIG = [
    # OpenAI, reasoning models
    openai(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "unsupported_parameter",
        "max_tokens",
    ),
    openai(
        "Unsupported value: 'temperature' does not support 0.7 with this model.",
        "unsupported_value",
        "temperature",
    ),
    openai(
        "max_tokens is too large: 100000. This model supports at most 16384", None, "max_tokens"
    ),
    openai("Unrecognized request argument supplied: top_k"),
    openai("Incorrect API key provided: sk-***", "invalid_api_key"),
    # Google's compatible layer says 400 to a wrong key
    [{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key."}}],
    {"error": {"message": "The model `gpt-9` does not exist", "code": "model_not_found"}},
    {"error": {"message": "Invalid model name passed in model=x", "code": "400"}},
    # Azure
    {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}},
    # Anthropic's compatible layer
    {"error": {"type": "authentication_error", "message": "invalid x-api-key"}},
    # pydantic, as FastAPI servers have it
    {"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs ..."}]},
    # LiteLLM to a wrong key, transformers to another model: as they answered benchmarks/peers
    {"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}},
    {"detail": "Server is pinned to './tiny'; requested 'nope'."},
    # vLLM, Ollama
    openai('"auto" tool choice requires --enable-auto-tool-choice to be set'),
    openai("registry.ollama.ai/library/x does not support tools"),
    "temperature is not supported by this model",
]
CONTENT = [
    openai("This model's maximum context length is 4096 tokens", "context_length_exceeded"),
    openai(
        "'max_tokens' is too large: 50. This model's maximum context length is 64 tokens and your "
        "request has 30 input tokens.",
        None,
        "max_tokens",
    ),
    openai("Invalid value for 'content': expected a string.", None, "messages.[0].content"),
    openai("Invalid schema for function 'add'", "invalid_function_parameters", "tools[0]"),
    openai("The prompt is too long"),
    "too long",
    # What the server repeats of the request is not its own word.
    openai(f"could not parse: {ASKED['messages'][0]['content']}"),
]


@pytest.mark.parametrize("error", CONFIG)
@pytest.mark.parametrize("status", [400, 422])
def test_a_mistake_in_the_config_stops_the_run(error, status):
    found = verdict(status, error)
    assert isinstance(found, EndpointRefusedError), found
    assert "Check" in str(found) or "omit" in str(found)


@pytest.mark.parametrize("error", CONTENT)
def test_a_fault_of_the_request_is_its_answer(error):
    assert type(verdict(400, error)) is RejectedError


def test_the_parameter_that_was_refused_is_named_with_what_to_do():
    assert 'omit = ["max_tokens"]' in str(verdict(400, CONFIG[0]))
    assert "api_key_env" in str(verdict(400, CONFIG[4]))
    assert "Check `model`" in str(verdict(400, CONFIG[7]))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"error": {"code": "content_filter", "message": "The response was filtered"}}),
        (400, {"error": {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}}}),
        (403, {"error": {"message": "your input was flagged"}}),
    ],
)
def test_moderation_is_told_apart(status, error):
    assert isinstance(verdict(status, error), ModeratedError)


@pytest.mark.parametrize("status", [502, 503, 529])
def test_a_gateway_without_its_server_is_overload(status):
    found = verdict(status, "<html>Bad Gateway</html>")
    assert isinstance(found, AttemptFailedError) and found.reason == "overload"


def test_what_a_server_says_is_one_line_without_control_characters():
    found = verdict(400, openai("too long \x1b[31m\x07\nforged line\x9b \u202e"))
    assert str(found).endswith("too long ␛[31m␇ forged line\\x9b \\u202e")
