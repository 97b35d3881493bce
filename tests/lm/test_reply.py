"""Replies in the dialects that servers speak, whole and in pieces."""

import json

import pytest

from cairn.lm.completion import TokenLogprob, Usage
from cairn.lm.errors import AttemptFailedError
from cairn.lm.reply import Reader, read_completion
from cairn.lm.tools import ToolCall

READER = Reader("chat", "m")
EVENTS = {"content-type": "text/event-stream; charset=utf-8"}


def chat(message: dict, finish: str | None = "stop", **fields) -> dict:
    return {"choices": [{"message": message, "finish_reason": finish, **fields}]}


def events(*chunks: object, end: str = "data: [DONE]\n\n") -> bytes:
    return ("".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + end).encode()


def delta(finish: str | None = None, **fields) -> dict:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def test_a_cut_answer_without_content_is_read_as_what_it_is():
    answer = read_completion(chat({"content": None}, "length"), "chat")
    assert answer.text == "" and answer.finish_reason == "length" and not answer.whole


def test_calls_of_tools_are_read_in_all_their_shapes():
    function = {"name": "add", "arguments": '{"a": 1}'}
    call = {"id": "c1", "type": "function", "function": function}
    for message, id_ in (
        ({"content": None, "tool_calls": [call]}, "c1"),
        ({"tool_calls": [{"function": function}]}, "call_0"),
        ({"tool_calls": [{"function": {"name": "add", "arguments": {"a": 1}}}]}, "call_0"),
        ({"content": None, "function_call": function}, "call_0"),
    ):
        answer = read_completion(chat(message, None), "chat")
        assert answer.tool_calls == (ToolCall(id_, "add", '{"a": 1}'),) and answer.whole
    for wrong in ([{"id": "c"}], "add", [{"function": {"name": 3}}]):
        with pytest.raises(AttemptFailedError, match="unreadable reply"):
            READER.read(200, {}, json.dumps(chat({"tool_calls": wrong})).encode())


def test_reasoning_is_kept_apart_and_counted():
    usage = {"prompt_tokens": 1, "completion_tokens": 9}
    usage["completion_tokens_details"] = {"reasoning_tokens": 7}  # type: ignore[assignment]
    for name in ("reasoning_content", "reasoning"):
        reply = chat({"content": "yes", name: "let me see"}) | {"usage": usage}
        answer = read_completion(reply, "chat")
        assert (answer.text, answer.reasoning) == ("yes", "let me see")
        assert answer.usage == Usage(1, 9, 0, 7)


@pytest.mark.parametrize(
    ("text", "reasoning", "said"),
    [
        ("<think>\nhm\n</think>\n\nyes", "hm", "yes"),
        ("hm\n</think>yes", "hm", "yes"),  # the template has the opening tag
        ("<think>hm and", "hm and", ""),
        ("yes", "", "yes"),
    ],
)
def test_reasoning_within_the_text_is_taken_apart_where_its_tag_is_named(text, reasoning, said):
    answer = read_completion(chat({"content": text}), "chat", reasoning_tag="think")
    assert (answer.reasoning, answer.text) == (reasoning, said)
    assert read_completion(chat({"content": text}), "chat").text == text


def test_token_ids_are_read_where_they_are_numbers():
    assert read_completion(chat({"content": "a"}, token_ids=[1, 2]), "chat").token_ids == (1, 2)
    assert read_completion(chat({"content": "a"}, token_ids=["1"]), "chat").token_ids is None
    beside = {"content": [{"token": "a", "logprob": -0.5, "id": 7}]}
    assert read_completion(chat({"content": "a"}, logprobs=beside), "chat").token_ids == (7,)


def test_a_streamed_answer_is_that_of_one_reply():
    token = {"token": "a", "logprob": -0.5, "top_logprobs": []}
    first = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
    spoken = delta(content="a")
    spoken["choices"][0] |= {"logprobs": {"content": [token]}, "token_ids": [7]}
    other = {"choices": [{"index": 1, "delta": {"content": "another choice"}}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    body = events(first, delta(reasoning_content="h"), delta(reasoning_content="m"), spoken, other)
    body = b": ping\r\n\r\n" + body.removesuffix(b"data: [DONE]\n\n")
    answer = READER.read(200, EVENTS, body + events(delta("stop", content="é"), usage))
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("aé", "hm", "stop")
    assert answer.usage == Usage(3, 2) and answer.token_ids == (7,)
    assert answer.logprobs == (TokenLogprob("a", -0.5),)


def test_streamed_calls_of_tools_are_put_together():
    def piece(index, **fields):
        return delta(tool_calls=[{"index": index, **fields}])

    body = events(
        piece(0, id="c0", function={"name": "add", "arguments": ""}),
        piece(0, function={"arguments": '{"a"'}),
        piece(1, id="c1", function={"name": "add", "arguments": "{}"}),
        piece(0, function={"arguments": ": 1}"}),
        delta("tool_calls"),
    )
    answer = READER.read(200, EVENTS, body)
    assert answer.tool_calls == (ToolCall("c0", "add", '{"a": 1}'), ToolCall("c1", "add", "{}"))


def test_a_streamed_plain_completion_is_read():
    logprobs = {"tokens": ["a"], "token_logprobs": [-0.1], "top_logprobs": [{"a": -0.1}]}
    chunks = [
        {"choices": [{"index": 0, "text": "a", "logprobs": logprobs}]},
        {"choices": [{"index": 0, "text": "b", "logprobs": logprobs, "finish_reason": "length"}]},
    ]
    answer = Reader("completions", "m").read(200, EVENTS, events(*chunks))
    assert answer.text == "ab" and answer.finish_reason == "length"
    assert [token.token for token in answer.logprobs or ()] == ["a", "a"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (events(delta(content="half"), end=""), "malformed"),
        (events(delta(content="half"), end="data: {"), "malformed"),
        (events(["no"]), "malformed"),
        (events({"choices": ["no"]}), "malformed"),
        (b"", "malformed"),
        (b"\xff\xfe", "malformed"),
        (events(delta(content="half"), {"error": {"message": "out of memory \x1b"}}), "server"),
    ],
)
def test_a_stream_that_breaks_off_is_a_failed_attempt(body, reason):
    with pytest.raises(AttemptFailedError) as caught:
        READER.read(200, EVENTS, body)
    assert caught.value.reason == reason and caught.value.maybe_paid
    assert "\x1b" not in str(caught.value)
